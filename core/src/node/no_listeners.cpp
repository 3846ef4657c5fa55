#include "node/listeners.h"

namespace swarm::node {
namespace {

class None final : public Listeners {
 public:
  Status Start(const config::NodeConfig::Listen&, std::shared_ptr<const Credentials>,
               CallTarget&) override {
    return Status::Ok();
  }
  std::string remote_address() const override { return {}; }
  void SetCredentials(std::shared_ptr<const Credentials>) override {}
  void CloseConnectionsOf(const std::string&) override {}
  void Stop() override {}
};

}  // namespace

Listeners::~Listeners() = default;

std::unique_ptr<Listeners> NoListeners() { return std::make_unique<None>(); }

}  // namespace swarm::node
