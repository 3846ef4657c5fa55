// Runs the configured plugins: which units exist, in which order, and their lives in the scopes of
// one node. Free of rpc, files and threads, so that it works unchanged in a simulation.
//
//   PluginRegistry registry;                       // what can be used
//   config::Load(...)                              // what is to be used, checked
//   MakePluginHost(environment, plugins, loop)     // gaps, cycles, duplicates
//   host->node().Start({}, done)                   // scopes, driven by the node life cycle
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "swarm/export.h"
#include "swarm/plugin.h"
#include "swarm/status.h"

namespace swarm::host {

// A plugin the configuration names, with its checked section.
struct ConfiguredPlugin {
  const PluginDescriptor* descriptor = nullptr;
  std::string section;      // "consensus", "executor", "components" ...
  std::string name;         // an executor's own name ("docker"), else the plugin's
  bool is_default = false;  // of executors: runs tasks that name none
  std::string place;        // "swarmd.yaml:12:5", for messages
  Settings settings;
};

// What plugin instances reach the world through. Borrowed; outlives the host.
struct Environment {
  Logger logger;
  Runtime* runtime = nullptr;
  Network* network = nullptr;
  Router* router = nullptr;
  // An instance cannot go on; from any thread. Null: only its log says so.
  std::function<void(Status)> fatal = nullptr;
};

enum class ScopeState : std::uint8_t { kStopped, kStarting, kRunning, kStopping };

// The instances of one scope: all are created, then started one after another in the order of
// their requirements; stopped in reverse, and destroyed in reverse once all have stopped.
// Threading: [loop]: everything on the loop given to the host; callbacks run there, later.
class SWARM_EXPORT ScopeRunner {
 public:
  virtual ~ScopeRunner();

  // Begins a run. OK once every instance has started. On failure everything begun is stopped and
  // destroyed before `done` gets every error, a line each, naming the plugin and its place.
  // While the run before is still stopping, waits for it. Cancelled when Stop comes first.
  // FailedPrecondition when the scope runs already.
  virtual void Start(NodeInfo node, Function<void(Status)> done) noexcept = 0;
  // Ends the run, also one that is still starting; `done` when nothing of it is left. Idempotent.
  virtual void Stop(Function<void()> done) noexcept = 0;
  virtual ScopeState state() const noexcept = 0;
  // The provider of a role in this scope or one around it (leader: manager and node); null when
  // there is none or its scope has no instances just now.
  virtual void* Find(std::string_view role) noexcept = 0;
  virtual std::vector<void*> FindAll(std::string_view role) noexcept = 0;
  template <class Interface>
  Interface* FindAs(std::string_view role) {
    return static_cast<Interface*>(Find(role));
  }
};

// Ownership: owns scopes and their instances; destroyed once every scope is kStopped and every
// instance made by MakeInstance is gone.
class SWARM_EXPORT PluginHost {
 public:
  virtual ~PluginHost();

  // The runners of the three scopes with a life of their own.
  virtual ScopeRunner& node() noexcept = 0;
  virtual ScopeRunner& manager() noexcept = 0;
  virtual ScopeRunner& leader() noexcept = 0;

  // [loop] A new instance of the instance-scope unit of the plugin configured as `name` ("agent",
  // or an executor's own name): created, neither started nor stopped; the caller does both.
  virtual Result<std::unique_ptr<Instance>> MakeInstance(
      std::string_view name, std::unique_ptr<InstanceParameters> parameters) noexcept = 0;

  // In order of the configuration.
  virtual const std::vector<ConfiguredPlugin>& plugins() const noexcept = 0;
  // Those that provide executor/1: the default first.
  virtual std::vector<const ConfiguredPlugin*> Executors() const = 0;
};

// Gaps, cycles, duplicates: a sentence each, empty when the plugins fit together. `available`:
// other plugins that exist, to suggest from.
SWARM_EXPORT std::vector<std::string> CheckPlugins(
    const std::vector<ConfiguredPlugin>& plugins,
    const std::vector<const PluginDescriptor*>& available = {});

// FailedPrecondition with CheckPlugins' sentences, a line each, when the plugins do not fit.
// `loop`: borrowed, outlives the host; all calls are made on it. Of kind kBlocking when the
// identity provider is to be called from it.
SWARM_EXPORT Result<std::unique_ptr<PluginHost>> MakePluginHost(
    Environment environment, std::vector<ConfiguredPlugin> plugins, Loop& loop);

}  // namespace swarm::host
