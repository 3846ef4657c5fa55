#include "host/host.h"

#include <algorithm>
#include <atomic>

#include "host/plan.h"
#include "host/runner.h"
#include "swarm/check.h"

namespace swarm::host {
namespace {

std::string Lines(const std::vector<std::string>& errors) {
  std::string out;
  for (const std::string& error : errors) {
    if (!out.empty()) out += '\n';
    out += error;
  }
  return out;
}

// An instance together with what it borrows.
class HostedInstance final : public Instance {
 public:
  HostedInstance(std::unique_ptr<InstanceParameters> parameters, std::unique_ptr<Context> context,
                 std::unique_ptr<Instance> instance, std::shared_ptr<std::atomic<int>> count)
      : parameters_(std::move(parameters)),
        context_(std::move(context)),
        instance_(std::move(instance)),
        count_(std::move(count)) {
    ++*count_;
  }
  ~HostedInstance() override { --*count_; }

  void* role() noexcept override { return instance_->role(); }
  void Start(Function<void(Status)> done) noexcept override { instance_->Start(std::move(done)); }
  void Stop(Function<void()> done) noexcept override { instance_->Stop(std::move(done)); }

 private:
  std::unique_ptr<InstanceParameters> parameters_;
  std::unique_ptr<Context> context_;
  std::unique_ptr<Instance> instance_;
  std::shared_ptr<std::atomic<int>> count_;
};

class Host final : public PluginHost {
 public:
  Host(Environment environment, std::vector<ConfiguredPlugin> plugins, Loop& loop)
      : environment_(std::move(environment)),
        plugins_(std::move(plugins)),
        plan_(MakePlan(plugins_, {})),
        node_(MakeRunner(Scope::kNode, nullptr, loop)),
        manager_(MakeRunner(Scope::kManager, node_.get(), loop)),
        leader_(MakeRunner(Scope::kLeader, manager_.get(), loop)) {}

  ~Host() override {
    SWARM_CHECK(node_->state() == ScopeState::kStopped &&
                    manager_->state() == ScopeState::kStopped &&
                    leader_->state() == ScopeState::kStopped,
                "every scope is stopped before its host goes");
    SWARM_CHECK(*instance_count_ == 0, "every instance goes before its host");
  }

  const std::vector<std::string>& errors() const { return plan_.errors; }

  ScopeRunner& node() noexcept override { return *node_; }
  ScopeRunner& manager() noexcept override { return *manager_; }
  ScopeRunner& leader() noexcept override { return *leader_; }
  const std::vector<ConfiguredPlugin>& plugins() const noexcept override { return plugins_; }

  Result<std::unique_ptr<Instance>> MakeInstance(
      std::string_view name, std::unique_ptr<InstanceParameters> parameters) noexcept override {
    for (const PlannedUnit& planned : plan_.of(Scope::kInstance)) {
      const ConfiguredPlugin& plugin = *planned.configured;
      if (plugin.name != name && plugin.descriptor->name != name) continue;
      auto context = std::make_unique<Context>(environment_, plugin, no_node_, node_->roles(),
                                               parameters.get());
      auto made = planned.unit->create(*context);
      if (made.ok() && *made == nullptr) made = Status(Code::kInternal, "its factory made nothing");
      if (!made.ok())
        return made.status().WithContext(PluginLabel(plugin) + " could not be created");
      return std::unique_ptr<Instance>(std::make_unique<HostedInstance>(
          std::move(parameters), std::move(context), std::move(*made), instance_count_));
    }
    return Status(Code::kNotFound, "no plugin named " + std::string(name) +
                                       " with instances of its own is configured");
  }

  std::vector<const ConfiguredPlugin*> Executors() const override {
    std::vector<const ConfiguredPlugin*> out;
    for (const PlannedUnit& planned : plan_.of(Scope::kInstance)) {
      const bool executor = std::string_view(planned.unit->role).starts_with("executor/");
      if (executor) out.push_back(planned.configured);
    }
    std::stable_partition(out.begin(), out.end(),
                          [](const ConfiguredPlugin* plugin) { return plugin->is_default; });
    return out;
  }

 private:
  std::shared_ptr<Runner> MakeRunner(Scope scope, Runner* outer, Loop& loop) {
    return std::make_shared<Runner>(scope, environment_, plan_.of(scope), outer, loop);
  }

  // In order of construction: what comes later borrows what comes before.
  const Environment environment_;
  const std::vector<ConfiguredPlugin> plugins_;
  const Plan plan_;
  const NodeInfo no_node_;
  const std::shared_ptr<std::atomic<int>> instance_count_ = std::make_shared<std::atomic<int>>(0);
  const std::shared_ptr<Runner> node_;
  const std::shared_ptr<Runner> manager_;
  const std::shared_ptr<Runner> leader_;
};

}  // namespace

ScopeRunner::~ScopeRunner() = default;
PluginHost::~PluginHost() = default;

Result<std::unique_ptr<PluginHost>> MakePluginHost(Environment environment,
                                                   std::vector<ConfiguredPlugin> plugins,
                                                   Loop& loop) {
  auto host = std::make_unique<Host>(std::move(environment), std::move(plugins), loop);
  if (!host->errors().empty()) return Status(Code::kFailedPrecondition, Lines(host->errors()));
  return std::unique_ptr<PluginHost>(std::move(host));
}

}  // namespace swarm::host
