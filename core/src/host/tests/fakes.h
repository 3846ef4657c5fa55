// Plugins that only note what happens to them, for tests of the host.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "host/host.h"
#include "swarm/network.h"
#include "swarm/plugin.h"
#include "swarm/rpc.h"

namespace swarm::host {

// How the fake of one name behaves.
struct Behaviour {
  Status create;                  // what its factory says
  Status start;                   // what its start says
  bool never_starts = false;      // its start's callback is kept and not called
  bool never_stops = false;       // likewise its stop's
  bool calls_back_twice = false;  // a broken plugin
  std::function<void(InstanceContext&)> on_create;
};

// Everything the fakes of one test note. One at a time: factories are plain functions.
struct World {
  World() { current = this; }
  ~World() { current = nullptr; }

  std::map<std::string, Behaviour> behaviour;
  std::vector<std::string> events;
  std::vector<Function<void(Status)>> kept_starts;
  std::vector<Function<void()>> kept_stops;
  int alive = 0;

  static inline World* current = nullptr;
};

class FakeInstance final : public Instance {
 public:
  explicit FakeInstance(std::string name) : name_(std::move(name)) {
    World::current->events.push_back("create " + name_);
    ++World::current->alive;
  }
  ~FakeInstance() override {
    World::current->events.push_back("destroy " + name_);
    --World::current->alive;
  }
  void* role() noexcept override { return this; }
  void Start(Function<void(Status)> done) noexcept override {
    World& world = *World::current;
    const Behaviour& behaviour = world.behaviour[name_];
    world.events.push_back("start " + name_);
    if (behaviour.never_starts) {
      world.kept_starts.push_back(std::move(done));
      return;
    }
    done(behaviour.start);
    if (behaviour.calls_back_twice) done(behaviour.start);
  }
  void Stop(Function<void()> done) noexcept override {
    World& world = *World::current;
    world.events.push_back("stop " + name_);
    if (world.behaviour[name_].never_stops) {
      world.kept_stops.push_back(std::move(done));
      return;
    }
    done();
    if (world.behaviour[name_].calls_back_twice) done();
  }
  const std::string& name() const { return name_; }

 private:
  const std::string name_;
};

// The name in the settings says which fake a factory makes.
inline Result<std::unique_ptr<Instance>> CreateFake(InstanceContext& context) {
  const std::string& name = context.settings().GetString("fake");
  Behaviour& behaviour = World::current->behaviour[name];
  if (behaviour.on_create) behaviour.on_create(context);
  if (!behaviour.create.ok()) return behaviour.create;
  return std::unique_ptr<Instance>(std::make_unique<FakeInstance>(name));
}

// Keeps the descriptors that configured plugins point to.
class FakeSet {
 public:
  void Add(const char* name, const char* role, Scope scope, const char* requirements = "",
           const char* after = "") {
    Add(name, {{role, scope, requirements, after, &CreateFake}});
  }
  void Add(const char* name, std::vector<UnitDescriptor> units) {
    configured_.push_back(Make(name, std::move(units)));
  }
  // A descriptor that is not configured.
  const PluginDescriptor* Available(const char* name, const char* role, Scope scope) {
    return Make(name, {{role, scope, "", "", &CreateFake}}).descriptor;
  }
  std::vector<ConfiguredPlugin>& configured() { return configured_; }

 private:
  ConfiguredPlugin Make(const char* name, std::vector<UnitDescriptor> units) {
    units_.push_back(std::move(units));
    descriptors_.push_back({SWARM_PLUGIN_HEADER, name, "1.0.0", "A fake", Maturity::kStable,
                            nullptr, 0, units_.back().data(), units_.back().size()});
    ConfiguredPlugin plugin;
    plugin.descriptor = &descriptors_.back();
    plugin.section = "components";
    plugin.name = name;
    plugin.place = "f.yaml:" + std::to_string(configured_.size() + 1) + ":1";
    plugin.settings = Settings({{"fake", std::string(name)}});
    return plugin;
  }

  std::deque<std::vector<UnitDescriptor>> units_;
  std::deque<PluginDescriptor> descriptors_;
  std::vector<ConfiguredPlugin> configured_;
};

class NoNetwork final : public Network {
 public:
  Result<std::shared_ptr<Channel>> Dial(std::string_view, DialOptions) noexcept override {
    return Status(Code::kUnavailable, "no network here");
  }
};

class NoRouter final : public Router {
 public:
  Result<std::unique_ptr<Registration>> Register(std::string_view,
                                                 std::shared_ptr<UnaryHandler>) noexcept override {
    return Status(Code::kUnimplemented, "no router here");
  }
  Result<std::unique_ptr<Registration>> Register(std::string_view,
                                                 std::shared_ptr<StreamHandler>) noexcept override {
    return Status(Code::kUnimplemented, "no router here");
  }
};

}  // namespace swarm::host
