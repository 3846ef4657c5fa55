#include "attachments.h"

#include <string>
#include <utility>

#include "swarm/rpc_typed.h"
#include "swarm/task.h"
#include "swarmkit/v1/resource.pb.h"

namespace swarm::allocator {

namespace {

// What both calls work with; kept by the handlers, which the router lets go of at Stop.
class Service {
 public:
  Service(Store& store, Runtime& runtime)
      : store_(store), clock_(runtime.clock()), random_(runtime.NewRandom()) {}

  void Attach(const CallContext& context, const pb::AttachNetworkRequest& request,
              UnaryReply reply) {
    auto caller = CallerOf(context);
    if (!caller.ok()) return reply(caller.status());
    const auto network = FindNetwork(request.config().target());
    if (!network) {
      return reply(Status(Code::kNotFound, "network " + request.config().target() + " not found"));
    }
    if (!network->spec().attachable()) {
      return reply(Status(Code::kPermissionDenied,
                          "network " + request.config().target() + " not manually attachable"));
    }
    pb::Task task = NewTask(*caller, *network, request);
    auto stored = std::make_shared<Task>(TaskFromProto(task));
    Write([stored](Transaction& tx) { return tx.CreateTask(stored); },
          [id = task.id()] {
            pb::AttachNetworkResponse response;
            response.set_attachment_id(id);
            return Payload::Of(std::move(response));
          },
          std::move(reply));
  }

  void Detach(const CallContext& context, const pb::DetachNetworkRequest& request,
              UnaryReply reply) {
    if (request.attachment_id().empty()) {
      return reply(Status(Code::kInvalidArgument, "invalid argument"));
    }
    auto caller = CallerOf(context);
    if (!caller.ok()) return reply(caller.status());
    Write(
        [node = *caller, id = request.attachment_id()](Transaction& tx) -> Status {
          const TaskPtr task = tx.GetTask(id);
          // Nothing but attachments: a node must not delete the tasks it was given.
          if (!task || RuntimeName(*task->spec) != "attachment") {
            return {Code::kNotFound, "attachment " + id + " not found"};
          }
          if (task->node_id != node) {
            return {Code::kPermissionDenied, "attachment " + id + " doesn't belong to this node"};
          }
          return tx.Delete(Table::kTask, id);
        },
        [] { return Payload::Of(pb::DetachNetworkResponse()); }, std::move(reply));
  }

 private:
  static Result<std::string> CallerOf(const CallContext& context) {
    if (!context.caller() || context.caller()->node_id.empty()) {
      return Status(Code::kPermissionDenied, "the calling node is not known");
    }
    return context.caller()->node_id;
  }

  // By id, or by a name that only one has.
  std::shared_ptr<const pb::Network> FindNetwork(const std::string& target) const {
    const ViewPtr view = store_.Read();
    if (auto network = view->Get<pb::Network>(target)) return network;
    const auto named = view->Find<pb::Network>(By::Name(target));
    return named.ok() && named->size() == 1 ? named->front() : nullptr;
  }

  pb::Task NewTask(const std::string& node, const pb::Network& network,
                   const pb::AttachNetworkRequest& request) {
    pb::Task task;
    {
      const std::lock_guard lock(mutex_);
      task.set_id(NewId(*random_));
    }
    task.set_node_id(node);
    task.mutable_spec()->mutable_attachment()->set_container_id(request.container_id());
    pb::NetworkAttachmentConfig& config = *task.mutable_spec()->add_networks();
    config.set_target(network.id());
    *config.mutable_addresses() = request.config().addresses();
    const auto now = clock_.Now().time_since_epoch();
    const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
    task.mutable_status()->set_state(pb::NEW);
    task.mutable_status()->mutable_timestamp()->set_seconds(seconds.count());
    task.mutable_status()->mutable_timestamp()->set_nanos(
        static_cast<std::int32_t>((now - seconds).count()));
    task.mutable_status()->set_message("created");
    task.set_desired_state(pb::RUNNING);
    return task;
  }

  void Write(TransactionFn fn, Function<Payload()> respond, UnaryReply reply) {
    const auto writer = store_.CurrentWriter();
    if (!writer.ok()) return reply(writer.status());
    (*writer)->Update(std::move(fn), [respond = std::move(respond),
                                      reply = std::move(reply)](const Result<Index>& done) mutable {
      if (!done.ok()) return reply(done.status());
      reply(respond());
    });
  }

  Store& store_;
  const Clock& clock_;
  std::mutex mutex_;
  const std::unique_ptr<Random> random_;  // guarded by mutex_
};

template <class Request>
std::shared_ptr<UnaryHandler> HandlerOf(const std::shared_ptr<Service>& service,
                                        void (Service::*method)(const CallContext&, const Request&,
                                                                UnaryReply)) {
  return MakeUnaryHandler<Request>([service, method](const CallContextPtr& context,
                                                     const std::shared_ptr<const Request>& request,
                                                     UnaryReply reply) {
    ((*service).*method)(*context, *request, std::move(reply));
  });
}

}  // namespace

Result<std::unique_ptr<Instance>> Attachments::Create(InstanceContext& context) {
  SWARM_ASSIGN_OR_RETURN([[maybe_unused]] Store * store, context.Require<Store>(kStoreRole));
  return std::unique_ptr<Instance>(std::make_unique<Attachments>(context));
}

void Attachments::Start(Function<void(Status)> done) noexcept {
  auto store = context_.Require<Store>(kStoreRole);
  if (!store.ok()) return done(store.status());
  const auto service = std::make_shared<Service>(**store, context_.runtime());
  Status status;
  const auto add = [&](std::string_view method, std::shared_ptr<UnaryHandler> handler) {
    auto made = context_.router().Register(
        "/docker.swarmkit.v1.ResourceAllocator/" + std::string(method), std::move(handler));
    if (made.ok()) {
      registrations_.push_back(std::move(*made));
    } else if (status.ok()) {
      status = made.status();
    }
  };
  add("AttachNetwork", HandlerOf(service, &Service::Attach));
  add("DetachNetwork", HandlerOf(service, &Service::Detach));
  done(std::move(status));
}

void Attachments::Stop(Function<void()> done) noexcept {
  registrations_.clear();
  done();
}

}  // namespace swarm::allocator
