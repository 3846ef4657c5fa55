// A log broker on the virtual runtime with the reference store; clients and agents by hand.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "log_broker.h"
#include "options.h"
#include "support/manager_rig.h"
#include "swarmkit/v1/logbroker.pb.h"

namespace swarm::logbroker {

namespace pb = ::docker::swarmkit::v1;
using namespace std::chrono_literals;

using test::Received;
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

class Rig : public test::ManagerRig<LogBroker> {
 public:
  explicit Rig(const Texts& settings = {}) : ManagerRig(3, {kSettings, kSettingCount}, settings) {
    Start();
  }

  void PutTask(const std::string& id, const std::string& service, const std::string& node,
               pb::TaskState state = pb::RUNNING) {
    Task task;
    task.id = id;
    task.service_id = service;
    task.node_id = node;
    task.status.state = state;
    ManagerRig::PutTask(std::move(task));
  }
  void AssignTask(const std::string& id, const std::string& node) {
    EditTask(id, [&](Task& task) { task.node_id = node; });
  }
  void PutNode(const std::string& id, pb::NodeStatus::State state) {
    pb::Node node;
    node.set_id(id);
    node.mutable_status()->set_state(state);
    Put(node);
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
