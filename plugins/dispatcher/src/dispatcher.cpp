#include "dispatcher.h"

#include <utility>

#include "hub.h"
#include "swarm/rpc_typed.h"

namespace swarm::dispatcher {
namespace {

// Handlers run on any thread: they carry each call to the loop.
struct Methods {
  component::Poster post;
  std::weak_ptr<Hub> hub;

  template <class Request>
  std::shared_ptr<UnaryHandler> Unary(void (Hub::*method)(const CallContext&, const Request&,
                                                          UnaryReply)) const {
    return MakeUnaryHandler<Request>(
        [post = post, hub = hub, method](CallContextPtr context,
                                         std::shared_ptr<const Request> request, UnaryReply reply) {
          post([hub, method, context = std::move(context), request = std::move(request),
                reply = std::move(reply)]() mutable {
            if (auto self = hub.lock()) (*self.*method)(*context, *request, std::move(reply));
          });
        });
  }

  template <class Request>
  std::shared_ptr<StreamHandler> Stream(void (Hub::*method)(ServerStreamPtr,
                                                            const Request&)) const {
    return MakeServerStreamHandler<Request>(
        [post = post, hub = hub, method](ServerStreamPtr stream,
                                         std::shared_ptr<const Request> request) {
          post([hub, method, stream = std::move(stream), request = std::move(request)]() mutable {
            if (auto self = hub.lock()) (*self.*method)(std::move(stream), *request);
          });
        });
  }
};

}  // namespace

Result<std::unique_ptr<Instance>> Dispatcher::Create(InstanceContext& context) {
  SWARM_ASSIGN_OR_RETURN([[maybe_unused]] Store * store, context.Require<Store>(kStoreRole));
  return std::unique_ptr<Instance>(std::make_unique<Dispatcher>(context));
}

Dispatcher::Dispatcher(InstanceContext& context) : context_(context) {}

Dispatcher::~Dispatcher() {
  if (loop_) loop_->Stop();
}

Status Dispatcher::RegisterMethods() {
  const Methods methods{component::Poster(loop_), hub_};
  Status status;
  auto add = [&](std::string_view method, auto handler) {
    auto made = context_.router().Register("/docker.swarmkit.v1.Dispatcher/" + std::string(method),
                                           std::move(handler));
    if (made.ok()) {
      registrations_.push_back(std::move(*made));
    } else if (status.ok()) {
      status = made.status();
    }
  };
  add("Session", methods.Stream(&Hub::Session));
  add("Heartbeat", methods.Unary(&Hub::Heartbeat));
  add("UpdateTaskStatus", methods.Unary(&Hub::UpdateTaskStatus));
  add("UpdateVolumeStatus", methods.Unary(&Hub::UpdateVolumeStatus));
  add("Tasks", methods.Stream(&Hub::Tasks));
  add("Assignments", methods.Stream(&Hub::Assignments));
  return status;
}

void Dispatcher::Start(Function<void(Status)> done) noexcept {
  auto store = context_.Require<Store>(kStoreRole);
  if (!store.ok()) return done(store.status());
  auto writer = (*store)->CurrentWriter();
  if (!writer.ok()) return done(writer.status());
  loop_ = context_.runtime().NewLoop("dispatcher", LoopKind::kShared);
  hub_ = std::make_shared<Hub>(Hub::Parts{*loop_, component::Poster(loop_), context_.runtime(),
                                          context_.logger(), **store, std::move(*writer),
                                          static_cast<Consensus*>(context_.Find(kConsensusRole)),
                                          context_.node(), Options::From(context_.settings())});
  // The methods answer only once the nodes are known, or agents would be told that they are not.
  loop_->Post([this, hub = hub_, done = std::move(done)]() mutable {
    hub->Start();
    done(RegisterMethods());
  });
}

void Dispatcher::Stop(Function<void()> done) noexcept {
  if (!loop_) return done();
  loop_->Post([this, hub = hub_, done = std::move(done)]() mutable {
    registrations_.clear();
    hub->Stop();
    done();
  });
}

}  // namespace swarm::dispatcher
