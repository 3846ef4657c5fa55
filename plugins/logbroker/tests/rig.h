// A log broker on the virtual runtime with the reference store; clients and agents by hand.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fakes/instance_context.h"
#include "fakes/reference_store.h"
#include "log_broker.h"
#include "options.h"
#include "rpc/loopback.h"
#include "rpc/router.h"
#include "swarm/rpc_typed.h"
#include "swarm/simulation.h"
#include "swarmkit/v1/logbroker.pb.h"

namespace swarm::logbroker {

namespace pb = ::docker::swarmkit::v1;
using namespace std::chrono_literals;

// The messages of one open stream, as they come; or only when asked for.
template <class M>
class Received {
 public:
  explicit Received(std::shared_ptr<ClientStream> stream, bool reads = true)
      : stream_(std::move(stream)) {
    if (reads) Next();
  }
  ~Received() {
    *alive_ = false;
    stream_->Cancel();
  }

  std::vector<std::shared_ptr<const M>> messages;
  std::optional<Status> end;

  std::vector<std::shared_ptr<const M>> Take() { return std::exchange(messages, {}); }
  void Cancel() { stream_->Cancel(); }
  void ReadAll() { Next(); }

 private:
  void Next() {
    stream_->Read([this, alive = alive_](Result<std::optional<Payload>> read) {
      if (!*alive) return;
      if (!read.ok() || !*read) {
        end = read.ok() ? Status() : read.status();
        return;
      }
      messages.push_back(*(*read)->template As<M>());
      Next();
    });
  }
  std::shared_ptr<ClientStream> stream_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

using Client = Received<pb::SubscribeLogsMessage>;
using Agent = Received<pb::SubscriptionMessage>;

// One PublishLogs stream.
class Publishing {
 public:
  Publishing(Simulation& sim, Channel& channel)
      : sim_(sim), stream_(channel.Open("/docker.swarmkit.v1.LogBroker/PublishLogs", {})) {
    reply_ = std::make_unique<Received<pb::PublishLogsResponse>>(stream_);
  }
  // Whether it was taken before the simulation came to rest.
  bool Send(pb::PublishLogsMessage message) {
    bool taken = false;
    stream_->Send(Payload::Of(std::move(message)), [&taken](bool sent) { taken = sent; });
    sim_.Settle();
    return taken;
  }
  // Without waiting; counts those taken.
  void Queue(pb::PublishLogsMessage message) {
    stream_->Send(Payload::Of(std::move(message)), [taken = taken_](bool sent) { *taken += sent; });
  }
  int taken() const { return *taken_; }
  void Close(const std::string& subscription) {
    pb::PublishLogsMessage message;
    message.set_subscription_id(subscription);
    message.set_close(true);
    Send(message);
  }
  void CloseSend() {
    stream_->CloseSend();
    sim_.Settle();
  }
  void Cancel() {
    stream_->Cancel();
    sim_.Settle();
  }
  const std::optional<Status>& end() const { return reply_->end; }
  std::size_t responses() const { return reply_->messages.size(); }

 private:
  Simulation& sim_;
  std::shared_ptr<ClientStream> stream_;
  std::unique_ptr<Received<pb::PublishLogsResponse>> reply_;
  std::shared_ptr<int> taken_ = std::make_shared<int>(0);
};

class Rig {
 public:
  using Texts = fakes::SettingReader::Texts;
  explicit Rig(const Texts& settings = {})
      : runtime(sim.AddMachine("manager").runtime()),
        store(runtime),
        loopback(runtime, router),
        context(runtime) {
    router.SetSelf({"manager", "org", {"swarm-manager"}});
    context.router_part = &router;
    context.values = fakes::SettingReader::Read({kSettings, kSettingCount}, settings);
    context.Provide<Store>(kStoreRole, store);
    sim.Settle();
    Start();
  }
  ~Rig() {
    Stop();
    channels.clear();
  }
  void Start() {
    unit = std::make_unique<LogBroker>(context);
    std::optional<Status> started;
    unit->Start([&](Status status) { started = std::move(status); });
    sim.Settle();
    ASSERT_TRUE(started && started->ok());
  }
  void Stop() {
    if (!unit) return;
    bool stopped = false;
    unit->Stop([&] { stopped = true; });
    sim.Settle();
    EXPECT_TRUE(stopped);
    unit.reset();
  }

  void Write(TransactionFn fn) {
    std::optional<Result<Index>> done;
    store.writer()->Update(std::move(fn), [&](Result<Index> result) { done = std::move(result); });
    sim.Settle();
    ASSERT_TRUE(done && done->ok()) << (done ? done->status().ToString() : "no outcome");
  }
  void PutTask(const std::string& id, const std::string& service, const std::string& node,
               pb::TaskState state = pb::RUNNING) {
    Write([&](Transaction& tx) {
      auto task = std::make_shared<Task>();
      task->id = id;
      task->service_id = service;
      task->node_id = node;
      task->status.state = state;
      task->spec = std::make_shared<pb::TaskSpec>();
      task->service_annotations = std::make_shared<pb::Annotations>();
      return tx.CreateTask(std::move(task));
    });
  }
  void AssignTask(const std::string& id, const std::string& node) {
    Write([&](Transaction& tx) {
      auto task = std::make_shared<Task>(*tx.GetTask(id));
      task->node_id = node;
      return tx.UpdateTask(std::move(task));
    });
  }
  void PutNode(const std::string& id, pb::NodeStatus::State state) {
    Write([&](Transaction& tx) {
      auto node = std::make_shared<pb::Node>();
      node->set_id(id);
      node->mutable_status()->set_state(state);
      return tx.Create(std::move(node));
    });
  }

  Channel& As(const std::string& id, const std::string& role) {
    auto& channel = channels[id];
    if (!channel) {
      rpc::LoopbackPeer peer{role.empty() ? Listener::kLocal : Listener::kRemote, std::nullopt,
                             "192.168.7.9:3000"};
      if (!role.empty()) peer.identity = Identity{id, "org", {role}};
      channel = loopback.NewChannel(std::move(peer));
    }
    return *channel;
  }
  template <class M, class Request>
  std::unique_ptr<Received<M>> Open(Channel& channel, std::string_view method, Request request,
                                    bool reads = true) {
    auto stream = channel.Open("/docker.swarmkit.v1." + std::string(method), {});
    stream->Send(Payload::Of(std::move(request)), [](bool) {});
    stream->CloseSend();
    auto received = std::make_unique<Received<M>>(std::move(stream), reads);
    sim.Settle();
    return received;
  }
  std::unique_ptr<Client> Subscribe(const pb::SubscribeLogsRequest& request, bool reads = true) {
    return Open<pb::SubscribeLogsMessage>(As("client", ""), "Logs/SubscribeLogs", request, reads);
  }
  std::unique_ptr<Agent> Listen(const std::string& node) {
    return Open<pb::SubscriptionMessage>(As(node, "swarm-worker"), "LogBroker/ListenSubscriptions",
                                         pb::ListenSubscriptionsRequest());
  }
  std::unique_ptr<Publishing> Publish(const std::string& node) {
    return std::make_unique<Publishing>(sim, As(node, "swarm-worker"));
  }

  Simulation sim{3};
  Runtime& runtime;
  fakes::ReferenceStore store;
  rpc::RouterImpl router;
  rpc::Loopback loopback;
  fakes::FakeContext context;
  std::unique_ptr<LogBroker> unit;
  std::map<std::string, std::shared_ptr<Channel>> channels;
};

inline pb::SubscribeLogsRequest OfNodes(std::vector<std::string> ids, bool follow) {
  pb::SubscribeLogsRequest request;
  for (auto& id : ids) request.mutable_selector()->add_node_ids(id);
  request.mutable_options()->set_follow(follow);
  return request;
}
inline pb::SubscribeLogsRequest OfTask(const std::string& id, bool follow) {
  pb::SubscribeLogsRequest request;
  request.mutable_selector()->add_task_ids(id);
  request.mutable_options()->set_follow(follow);
  return request;
}
inline pb::SubscribeLogsRequest OfService(const std::string& id, bool follow) {
  pb::SubscribeLogsRequest request;
  request.mutable_selector()->add_service_ids(id);
  request.mutable_options()->set_follow(follow);
  return request;
}

inline pb::PublishLogsMessage Line(const std::string& subscription, const std::string& node,
                                   const std::string& task, const std::string& text,
                                   std::int64_t nanos = 0) {
  pb::PublishLogsMessage out;
  out.set_subscription_id(subscription);
  auto* line = out.add_messages();
  line->mutable_context()->set_node_id(node);
  line->mutable_context()->set_task_id(task);
  line->set_stream(pb::LOG_STREAM_STDOUT);
  line->set_data(text);
  if (nanos != 0) line->mutable_timestamp()->set_nanos(static_cast<std::int32_t>(nanos));
  return out;
}

// What a client has got, in order.
inline std::vector<std::string> Texts(const Client& client) {
  std::vector<std::string> out;
  for (const auto& message : client.messages) {
    for (const auto& line : message->messages()) out.push_back(line.data());
  }
  return out;
}

}  // namespace swarm::logbroker
