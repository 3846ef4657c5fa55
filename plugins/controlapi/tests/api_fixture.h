// A control API over the reference store, called as the router calls it.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "control_api.h"
#include "fakes/memory_consensus.h"
#include "fakes/reference_store.h"
#include "swarm/simulation.h"
#include "swarmkit/v1/control.pb.h"

namespace swarm::controlapi {

// Keeps handlers by method, as long as they are registered.
class FakeRouter final : public Router {
 public:
  Result<std::unique_ptr<Registration>> Register(
      std::string_view method, std::shared_ptr<UnaryHandler> handler) noexcept override {
    handlers[std::string(method)] = std::move(handler);
    return std::unique_ptr<Registration>(std::make_unique<Entry>(*this, std::string(method)));
  }
  Result<std::unique_ptr<Registration>> Register(std::string_view,
                                                 std::shared_ptr<StreamHandler>) noexcept override {
    return Status(Code::kUnimplemented, "no streams here");
  }
  std::map<std::string, std::shared_ptr<UnaryHandler>> handlers;

 private:
  struct Entry final : Registration {
    Entry(FakeRouter& router, std::string method) : router(router), method(std::move(method)) {}
    ~Entry() override { router.handlers.erase(method); }
    FakeRouter& router;
    const std::string method;
  };
};

// The members, and whether this one is sure to lead, are what a test says.
class FakeMembers final : public Consensus, public LeadershipCheck {
 public:
  void Attach(ReplicatedState&) noexcept override {}
  Result<ProposalEpoch> OpenEpoch(LeaderEpoch) noexcept override { return ProposalEpoch(1); }
  void Propose(ProposalEpoch, Sequence, std::string) noexcept override {}
  LeaderInfo Leader() const noexcept override { return {}; }
  std::vector<Member> Members() const noexcept override { return members; }
  Index CommitIndex() const noexcept override { return Index(0); }
  Status TransferLeadership() noexcept override { return Status::Ok(); }
  void ReadLog(Index, Index,
               Function<void(Result<std::vector<CommittedEntry>>)> done) noexcept override {
    done(Status(Code::kUnimplemented, "no log"));
  }
  void ConfirmLeadership(Function<void(Status)> done) noexcept override {
    ++asked;
    done(confirms);
  }
  bool CanGrow() const noexcept override { return can_grow; }
  std::vector<Member> members;
  bool can_grow = true;
  Status confirms;
  int asked = 0;
};

class ApiTest : public testing::Test {
 protected:
  ApiTest() : machine_(sim_.AddMachine("manager")), store_(machine_.runtime()) {
    sim_.Settle();
    Status started(Code::kUnknown, "not reported");
    api_.Start([&started](Status s) { started = std::move(s); });
    EXPECT_TRUE(started.ok()) << started;
  }
  ~ApiTest() override {
    bool stopped = false;
    api_.Stop([&stopped] { stopped = true; });
    sim_.Settle();
    EXPECT_TRUE(stopped);
    store_.consensus().Stop();
  }

  template <class Response, class Request>
  Result<Response> Call(const std::string& method, const Request& request) {
    const std::string name = method[0] == '/' ? method : "/docker.swarmkit.v1.Control/" + method;
    const auto found = router_.handlers.find(name);
    if (found == router_.handlers.end()) return Status(Code::kUnimplemented, "no " + method);
    std::optional<Result<Payload>> answer;
    found->second->Handle(nullptr, Payload::Of(Request(request)),
                          [&answer](Result<Payload> reply) { answer = std::move(reply); });
    sim_.Settle();
    if (!answer) return Status(Code::kInternal, "no answer");
    if (!answer->ok()) return answer->status();
    // Through bytes, as over a wire: what the answer borrows must serialise like its own.
    auto parsed = Payload::FromBytes((*answer)->Bytes()).As<Response>();
    if (!parsed.ok()) return parsed.status();
    return **parsed;
  }

  // Puts an object into the store as it is.
  template <class Object>
  void Put(const Object& object) {
    Write([&object](Transaction& tx) { return tx.Create(std::make_shared<Object>(object)); });
  }
  void PutTask(const pb::Task& task) {
    Write([&task](Transaction& tx) {
      return tx.CreateTask(std::make_shared<Task>(TaskFromProto(task)));
    });
  }
  void Write(TransactionFn fn) {
    Status outcome(Code::kUnknown, "not reported");
    store_.writer()->Update(std::move(fn),
                            [&outcome](Result<Index> done) { outcome = done.status(); });
    sim_.Settle();
    ASSERT_TRUE(outcome.ok()) << outcome;
  }
  template <class Object>
  std::shared_ptr<const Object> Stored(const std::string& id) {
    return store_.Read()->Get<Object>(id);
  }

  Simulation sim_{7};
  Machine& machine_;
  fakes::ReferenceStore store_;
  FakeRouter router_;
  FakeMembers members_;
  ControlApi api_{router_,
                  std::make_shared<Backend>(store_, &members_, machine_.runtime(), "self")};
};

inline pb::ServiceSpec ASpec(const std::string& name, std::uint64_t replicas = 1) {
  pb::ServiceSpec spec;
  spec.mutable_annotations()->set_name(name);
  spec.mutable_task()->mutable_container()->set_image("busybox");
  spec.mutable_replicated()->set_replicas(replicas);
  return spec;
}

}  // namespace swarm::controlapi
