// What one plugin instance gets to see of the host.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "host/host.h"
#include "host/plan.h"
#include "swarm/fatal.h"

namespace swarm::host {

// Finds providers of roles; how depends on the scope.
struct RoleFinder {
  virtual ~RoleFinder() = default;
  virtual void* FindRole(std::string_view role) = 0;
  virtual std::vector<void*> FindAllRoles(std::string_view role) = 0;
};

class Context final : public InstanceContext, public FatalSink {
 public:
  // Everything borrowed; outlives the context.
  Context(const Environment& environment, const ConfiguredPlugin& plugin, const NodeInfo& node,
          RoleFinder& roles, const InstanceParameters* parameters)
      : environment_(environment),
        plugin_(plugin),
        node_(node),
        roles_(roles),
        parameters_(parameters),
        logger_(environment.logger.ForModule(plugin.descriptor->name)) {}

  const Logger& logger() const noexcept override { return logger_; }
  Runtime& runtime() noexcept override { return *environment_.runtime; }
  Network& network() noexcept override { return *environment_.network; }
  Router& router() noexcept override { return *environment_.router; }
  const Settings& settings() const noexcept override { return plugin_.settings; }
  const NodeInfo& node() const noexcept override { return node_; }
  const InstanceParameters* parameters() const noexcept override { return parameters_; }
  void* Find(std::string_view role) noexcept override { return roles_.FindRole(role); }
  std::vector<void*> FindAll(std::string_view role) noexcept override {
    return roles_.FindAllRoles(role);
  }
  void Fatal(Status why) noexcept override {
    if (environment_.fatal) environment_.fatal(why.WithContext(PluginLabel(plugin_)));
  }

 private:
  const Environment& environment_;
  const ConfiguredPlugin& plugin_;
  const NodeInfo& node_;
  RoleFinder& roles_;
  const InstanceParameters* parameters_;
  Logger logger_;
};

}  // namespace swarm::host
