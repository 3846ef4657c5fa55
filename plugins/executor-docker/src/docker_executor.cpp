#include "docker_executor.h"

#include <set>
#include <utility>

#include "docker_controller.h"
#include "spec_check.h"

namespace swarm::executor_docker {

Connect ConnectTo(Runtime& runtime, engine::ClientOptions options) {
  return [&runtime, options = std::move(options)]() -> Result<Connection> {
    Connection out;
    SWARM_ASSIGN_OR_RETURN(out.reactor, engine::Reactor::Make(runtime));
    SWARM_ASSIGN_OR_RETURN(out.client, out.reactor->NewClient(options));
    return out;
  };
}

DockerExecutor::DockerExecutor(Runtime& runtime, Logger logger, DockerOptions options,
                               Connect connect, std::unique_ptr<PayloadStore> payloads)
    : connect_(std::move(connect)) {
  Logger log = logger.ForModule("executor-docker").With("engine", options.engine.address.text);
  core_ = std::make_shared<Core>(
      Core::Parts{runtime, std::move(log), std::move(options), std::move(payloads)});
}

DockerExecutor::~DockerExecutor() {
  Stop([] {});
}

void DockerExecutor::Start(Function<void(Status)> done) noexcept {
  auto connection = connect_();
  if (!connection.ok()) return done(connection.status());
  connection_ = *std::move(connection);
  // An engine that is away is waited for, not a reason to stop.
  core_->Start(*connection_.client);
  done({});
}

void DockerExecutor::Stop(Function<void()> done) noexcept {
  core_->Stop();
  if (connection_.client) connection_.client->Stop();
  done();
}

void DockerExecutor::Describe(Function<void(Result<pb::NodeDescription>)> done) noexcept {
  core_->loop().Post(
      [core = core_, done = std::move(done)]() mutable { core->Describe(std::move(done)); });
}

void DockerExecutor::Configure(const pb::Node& node) noexcept {
  core_->loop().Post([core = core_, id = node.id()] { core->SetNode(id); });
}

Result<std::unique_ptr<Controller>> DockerExecutor::NewController(
    const pb::Task& task, std::shared_ptr<const Dependencies> dependencies) noexcept {
  SWARM_RETURN_IF_ERROR(CheckTask(task));
  auto handle = std::make_shared<Handle>(core_->loop(), std::make_shared<const pb::Task>(task),
                                         std::move(dependencies));
  core_->loop().Post([core = core_, handle] { core->Add(handle); });
  return std::unique_ptr<Controller>(std::make_unique<DockerController>(core_, std::move(handle)));
}

void DockerExecutor::SetNetworkKeys(const std::vector<pb::EncryptionKey>&) noexcept {
  // The engine's own networks are not encrypted by us.
}

void DockerExecutor::Retain(std::vector<std::string> tasks) noexcept {
  std::set<std::string> set(std::make_move_iterator(tasks.begin()),
                            std::make_move_iterator(tasks.end()));
  core_->loop().Post(
      [core = core_, set = std::move(set)]() mutable { core->Retain(std::move(set)); });
}

}  // namespace swarm::executor_docker
