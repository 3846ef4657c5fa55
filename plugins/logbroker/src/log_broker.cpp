#include "log_broker.h"

#include <utility>

#include "broker.h"
#include "swarm/rpc_typed.h"

namespace swarm::logbroker {
namespace {

// Handlers run on any thread: they carry each call to the loop.
class PublishHandler final : public StreamHandler {
 public:
  PublishHandler(Poster post, std::weak_ptr<Broker> broker)
      : post_(std::move(post)), broker_(std::move(broker)) {}
  void Open(ServerStreamPtr stream) noexcept override {
    post_([broker = broker_, stream = std::move(stream)]() mutable {
      if (auto self = broker.lock()) self->Publish(std::move(stream));
    });
  }

 private:
  const Poster post_;
  const std::weak_ptr<Broker> broker_;
};

template <class Request, class Fn>
std::shared_ptr<StreamHandler> OnLoop(Poster post, std::weak_ptr<Broker> broker, Fn fn) {
  return MakeServerStreamHandler<Request>(
      [post, broker, fn](ServerStreamPtr stream, std::shared_ptr<const Request> request) {
        post([broker, fn, stream = std::move(stream), request = std::move(request)]() mutable {
          if (auto self = broker.lock()) fn(*self, std::move(stream), *request);
        });
      });
}

}  // namespace

Result<std::unique_ptr<Instance>> LogBroker::Create(InstanceContext& context) {
  SWARM_ASSIGN_OR_RETURN([[maybe_unused]] Store * store, context.Require<Store>(kStoreRole));
  return std::unique_ptr<Instance>(std::make_unique<LogBroker>(context));
}

LogBroker::LogBroker(InstanceContext& context) : context_(context) {}

LogBroker::~LogBroker() {
  if (loop_) loop_->Stop();
}

Status LogBroker::RegisterMethods() {
  const Poster post(loop_);
  Status status;
  auto add = [&](std::string_view method, std::shared_ptr<StreamHandler> handler) {
    auto made = context_.router().Register("/docker.swarmkit.v1." + std::string(method),
                                           std::move(handler));
    if (made.ok()) {
      registrations_.push_back(std::move(*made));
    } else if (status.ok()) {
      status = made.status();
    }
  };
  add("Logs/SubscribeLogs",
      OnLoop<pb::SubscribeLogsRequest>(post, broker_, [](Broker& b, auto stream, const auto& r) {
        b.Subscribe(std::move(stream), r);
      }));
  add("LogBroker/ListenSubscriptions",
      OnLoop<pb::ListenSubscriptionsRequest>(
          post, broker_, [](Broker& b, auto stream, const auto&) { b.Listen(std::move(stream)); }));
  add("LogBroker/PublishLogs", std::make_shared<PublishHandler>(post, broker_));
  return status;
}

void LogBroker::Start(Function<void(Status)> done) noexcept {
  if (loop_) return done({Code::kFailedPrecondition, "broker is already running"});
  auto store = context_.Require<Store>(kStoreRole);
  if (!store.ok()) return done(store.status());
  loop_ = context_.runtime().NewLoop("logbroker", LoopKind::kShared);
  broker_ = std::make_shared<Broker>(Broker::Parts{*loop_, Poster(loop_), context_.runtime(),
                                                   context_.logger().ForModule("logbroker"),
                                                   **store, Options::From(context_.settings())});
  loop_->Post([this, broker = broker_, done = std::move(done)]() mutable {
    broker->Start();
    done(RegisterMethods());
  });
}

void LogBroker::Stop(Function<void()> done) noexcept {
  if (!loop_) return done();
  loop_->Post([this, broker = broker_, done = std::move(done)]() mutable {
    registrations_.clear();
    broker->Stop();
    done();
  });
}

}  // namespace swarm::logbroker
