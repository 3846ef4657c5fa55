// Runs tasks as containers of one Docker Engine.
#pragma once

#include <memory>
#include <vector>

#include "core.h"
#include "engine_client/client.h"
#include "engine_client/reactor.h"
#include "options.h"
#include "swarm/executor.h"
#include "swarm/log.h"
#include "swarm/plugin.h"

namespace swarm::executor_docker {

// A client and, where it is a real one, what drives it.
struct Connection {
  std::unique_ptr<engine::Reactor> reactor;
  std::unique_ptr<engine::Client> client;
};
using Connect = Function<Result<Connection>()>;
// Of a real engine.
Connect ConnectTo(Runtime& runtime, engine::ClientOptions options);

class DockerExecutor final : public Instance, public Executor, public TaskKeeper {
 public:
  // `payloads` null: secrets and configs are written into containers.
  DockerExecutor(Runtime& runtime, Logger logger, DockerOptions options, Connect connect,
                 std::unique_ptr<PayloadStore> payloads);
  ~DockerExecutor() override;

  void* role() noexcept override { return static_cast<Executor*>(this); }
  void Start(Function<void(Status)> done) noexcept override;
  void Stop(Function<void()> done) noexcept override;

  void Describe(Function<void(Result<pb::NodeDescription>)> done) noexcept override;
  void Configure(const pb::Node& node) noexcept override;
  Result<std::unique_ptr<Controller>> NewController(
      const pb::Task& task, std::shared_ptr<const Dependencies> dependencies) noexcept override;
  void SetNetworkKeys(const std::vector<pb::EncryptionKey>& keys) noexcept override;
  void Retain(std::vector<std::string> tasks) noexcept override;

 private:
  Connect connect_;
  Connection connection_;
  std::shared_ptr<Core> core_;
};

}  // namespace swarm::executor_docker
