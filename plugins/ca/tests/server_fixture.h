// The leader's certificate authority on the virtual runtime, and those who call it.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "fakes/instance_context.h"
#include "fakes/reference_store.h"
#include "founding.h"
#include "pki/private_key.h"
#include "rpc/loopback.h"
#include "rpc/router.h"
#include "server.h"
#include "swarm/rpc_typed.h"
#include "swarm/simulation.h"

namespace swarm::ca {

using std::chrono_literals::operator""s;

inline std::string NewCsr() { return pki::MakeCsr(pki::PrivateKey::Generate().value()).value(); }

class ServerTest : public testing::Test {
 protected:
  ServerTest() : root_(pki::RootCa::Create(machine_.runtime().clock().Now()).value()) {
    context_.router_part = &router_;
    context_.Provide<Store>(kStoreRole, store_);
    context_.node_info.node_id = "manager1";
    context_.node_info.cluster_id = "cluster1";
    context_.node_info.root_certificate_pem = root_.roots_pem();
    context_.node_info.root_key_pem = root_.KeyPem();
    router_.SetSelf({"manager1", "cluster1", {"swarm-manager"}});
    router_.Declare("docker.swarmkit.v1.CA");
    router_.Declare("docker.swarmkit.v1.NodeCA");
    simulation_.Settle();
  }
  ~ServerTest() override {
    Stop();
    for (auto& channel : {&local_, &anonymous_}) channel->reset();
  }

  void Start() {
    server_ = std::make_unique<Server>(context_, std::move(transport_));
    std::optional<Status> started;
    server_->Start([&](Status status) { started = std::move(status); });
    simulation_.Settle();
    ASSERT_TRUE(started && started->ok()) << (started ? started->ToString() : "not started");
  }
  void Stop() {
    if (!server_) return;
    bool stopped = false;
    server_->Stop([&] { stopped = true; });
    simulation_.Settle();
    EXPECT_TRUE(stopped);
    server_.reset();
  }

  std::shared_ptr<const pb::Cluster> Cluster() { return FindCluster(*store_.Read()); }
  std::shared_ptr<const pb::Node> Node(const std::string& id) {
    return store_.Read()->Get<pb::Node>(id);
  }
  void Write(TransactionFn fn) {
    std::optional<Result<Index>> done;
    store_.writer()->Update(std::move(fn), [&](Result<Index> r) { done = std::move(r); });
    simulation_.Settle();
    ASSERT_TRUE(done && done->ok()) << done->status();
  }
  void ChangeCluster(const std::function<void(pb::Cluster&)>& change) {
    Write([&](Transaction& tx) {
      auto cluster = std::make_shared<pb::Cluster>(*FindCluster(tx));
      change(*cluster);
      return tx.Update(std::move(cluster));
    });
  }

  std::shared_ptr<Channel> As(const std::string& id, const std::string& role,
                              const std::string& organization = "cluster1") {
    return loopback_.NewChannel(
        {Listener::kRemote, Identity{id, organization, {role}}, "10.0.0.9:1"});
  }
  template <class Response, class Request>
  Result<std::shared_ptr<const Response>> Call(Channel& channel, std::string_view method,
                                               Request request) {
    std::optional<Result<std::shared_ptr<const Response>>> out;
    auto call = CallUnary<Response>(
        channel, "/docker.swarmkit.v1." + std::string(method), {}, std::move(request),
        [&](Result<std::shared_ptr<const Response>> result) { out = std::move(result); });
    simulation_.RunUntil([&] { return out.has_value(); }, 5s);
    if (out) return *out;
    call->Cancel();
    simulation_.RunUntil([&] { return out.has_value(); }, 5s);
    return Status(Code::kDeadlineExceeded, "no answer");
  }
  Result<std::shared_ptr<const pb::IssueNodeCertificateResponse>> Issue(Channel& channel,
                                                                        const std::string& csr,
                                                                        const std::string& token) {
    pb::IssueNodeCertificateRequest request;
    request.set_csr(csr);
    request.set_token(token);
    request.set_availability(pb::NodeSpec::DRAIN);
    return Call<pb::IssueNodeCertificateResponse>(channel, "NodeCA/IssueNodeCertificate", request);
  }
  Result<std::shared_ptr<const pb::NodeCertificateStatusResponse>> GetStatus(
      const std::string& id) {
    pb::NodeCertificateStatusRequest request;
    request.set_node_id(id);
    return Call<pb::NodeCertificateStatusResponse>(*anonymous_, "NodeCA/NodeCertificateStatus",
                                                   request);
  }

  Simulation simulation_{5};
  Machine& machine_ = simulation_.AddMachine("m");
  const pki::RootCa root_;
  fakes::ReferenceStore store_{machine_.runtime()};
  rpc::RouterImpl router_;
  rpc::Loopback loopback_{machine_.runtime(), router_};
  fakes::FakeContext context_{machine_.runtime()};
  std::shared_ptr<Channel> local_ = loopback_.NewChannel(
      {Listener::kLocal, Identity{"manager1", "cluster1", {"swarm-manager"}}, "@"});
  std::shared_ptr<Channel> anonymous_ =
      loopback_.NewChannel({Listener::kRemote, std::nullopt, "10.0.0.9:1"});
  std::unique_ptr<cfssl::Transport> transport_;  // for the next Start
  std::unique_ptr<Server> server_;
};

}  // namespace swarm::ca
