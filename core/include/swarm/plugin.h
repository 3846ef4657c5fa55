// The contract between the core and a plugin.
//
// A plugin is a shared object libswarm_<id>.so with exactly one exported symbol, the constant
// swarm_plugin_<id>, in which `-` in the plugin's name becomes `_`. The core reads it as data:
// nothing of a plugin runs before its factory is called. A plugin file stays mapped until the
// process exits.
//
//   static constexpr swarm::UnitDescriptor kUnits[] = {{...}};
//   SWARM_PLUGIN(my_proxy) = {SWARM_PLUGIN_HEADER, "my-proxy", "1.0.0", "Does this", ...};
//
// Life of an instance: created (cheap, no side effects, may resolve what it requires), started,
// stopped, destroyed; many times in one process, so a plugin keeps no mutable process-wide state.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "swarm/export.h"
#include "swarm/fingerprint.h"
#include "swarm/function.h"
#include "swarm/log.h"
#include "swarm/runtime.h"
#include "swarm/settings.h"
#include "swarm/status.h"

namespace swarm {

class Network;
class Router;
class Instance;
class InstanceContext;

// Raised by hand whenever a public header changes in substance; a test holds the headers against
// it.
inline constexpr std::uint32_t kAbiVersion = 2;
inline constexpr std::uint32_t kPluginMagic = 0x4d525753;  // "SWRM"

enum class Scope : std::uint8_t {
  kNode,      // lives with the process
  kManager,   // while this node is a manager
  kLeader,    // while it leads
  kInstance,  // made on demand, each with parameters of its own
};

enum class Maturity : std::uint8_t { kStable, kAlpha, kWip };

// One thing a plugin can be. Most plugins have one; a plugin with more (a part that lives with the
// node and one with leadership) lists them all, and the core makes each in its scope.
struct UnitDescriptor {
  const char* role;  // what it provides: "store/1", "component/1" ...
  Scope scope;
  const char* requires_;  // roles it uses, comma separated: "store/1,consensus/1"; "" for none
  const char* after;      // names of plugins to start before, comma separated; need not be present
  // Makes the instance. Errors name what is missing or wrong.
  Result<std::unique_ptr<Instance>> (*create)(InstanceContext& context);
};

// Constant-initialised, standard layout. New fields go to the end.
struct PluginDescriptor {
  std::uint32_t magic;
  std::uint32_t struct_size;
  std::uint32_t abi;
  const char* fingerprint;
  const char* name;
  const char* version;
  const char* summary;
  Maturity maturity;
  const SettingDescriptor* settings;  // schema of the plugin's section in the YAML file
  std::size_t setting_count;
  const UnitDescriptor* units;
  std::size_t unit_count;
};

// Parameters of an instance-scope unit; each role with that scope derives its own.
struct SWARM_EXPORT InstanceParameters {
  virtual ~InstanceParameters();
};

// What an instance may use. Borrowed; outlives the instance.
class SWARM_EXPORT InstanceContext {
 public:
  virtual ~InstanceContext();
  virtual const Logger& logger() const noexcept = 0;
  virtual Runtime& runtime() noexcept = 0;
  virtual Network& network() noexcept = 0;
  // Where rpc handlers are registered, usually in Start.
  virtual Router& router() noexcept = 0;
  // The plugin's checked section of the YAML file, defaults filled in.
  virtual const Settings& settings() const noexcept = 0;
  // What the node is; valid in manager and leader scope.
  virtual const NodeInfo& node() const noexcept = 0;
  // Null unless the scope is kInstance.
  virtual const InstanceParameters* parameters() const noexcept = 0;
  // The provider of a role named in `requires_`, or null when nobody provides it.
  virtual void* Find(std::string_view role) noexcept = 0;
  // Every provider of a role, in order of the YAML file.
  virtual std::vector<void*> FindAll(std::string_view role) noexcept = 0;

  // FailedPrecondition when the role has no provider.
  template <class Interface>
  Result<Interface*> Require(std::string_view role) {
    if (void* found = Find(role)) return static_cast<Interface*>(found);
    return Status(Code::kFailedPrecondition, "no plugin provides " + std::string(role));
  }
};

// What every instance is. Threading: [main]: called by the host, one call at a time.
class SWARM_EXPORT Instance {
 public:
  virtual ~Instance();
  // The provided role's interface, as `static_cast<Interface*>(this)`; null for components.
  virtual void* role() noexcept = 0;
  // Begins to work; `done` from any thread. After an error Stop is still called.
  virtual void Start(Function<void(Status)> done) noexcept = 0;
  // Refuses new work, cancels, drains. When `done` runs, no thread, timer, stream or callback of
  // the instance is left. Idempotent; also called on an instance that was never started, and on
  // one whose Start has not called `done` yet (leadership lost meanwhile), which then need not.
  virtual void Stop(Function<void()> done) noexcept = 0;
};

// A component provides nothing: it reads events and writes transactions.
inline constexpr std::string_view kComponentRole = "component/1";
// A set of rpc methods served on a manager.
inline constexpr std::string_view kControlRole = "control/1";
inline constexpr std::string_view kDispatcherRole = "dispatcher/1";

}  // namespace swarm

#define SWARM_PLUGIN_HEADER                                                             \
  ::swarm::kPluginMagic, static_cast<std::uint32_t>(sizeof(::swarm::PluginDescriptor)), \
      ::swarm::kAbiVersion, ::swarm::kFingerprint

// The attribute is on the first declaration: g++ ignores it on a second one.
#define SWARM_PLUGIN(id)                             \
  extern "C" __attribute__((visibility("default")))  \
  const ::swarm::PluginDescriptor swarm_plugin_##id; \
  const ::swarm::PluginDescriptor swarm_plugin_##id
