// One unit of a manager on the virtual runtime, with the reference store, and those who call it in
// memory. Needs swarm_fakes and swarm_core_internal.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fakes/instance_context.h"
#include "fakes/memory_consensus.h"
#include "fakes/reference_store.h"
#include "rpc/loopback.h"
#include "rpc/router.h"
#include "swarm/rpc_typed.h"
#include "swarm/simulation.h"

namespace swarm::test {

// The messages of one open stream, as they come; or only when asked for.
template <class M>
class Received {
 public:
  explicit Received(std::shared_ptr<ClientStream> stream, bool reads = true)
      : stream_(std::move(stream)) {
    if (reads) ReadAll();
  }
  ~Received() {
    *alive_ = false;
    stream_->Cancel();
  }

  std::vector<std::shared_ptr<const M>> messages;
  std::optional<Status> end;

  // Forgets what has come so far.
  std::vector<std::shared_ptr<const M>> Take() { return std::exchange(messages, {}); }
  void ReadAll() {
    stream_->Read([this, alive = alive_](Result<std::optional<Payload>> read) {
      if (!*alive) return;
      if (!read.ok() || !*read) {
        end = read.ok() ? Status() : read.status();
        return;
      }
      messages.push_back(*(*read)->template As<M>());
      ReadAll();
    });
  }
  void Cancel() { stream_->Cancel(); }

 private:
  std::shared_ptr<ClientStream> stream_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

// `Unit`: an Instance made from an InstanceContext. Threading: everything on the simulation's
// thread.
template <class Unit>
class ManagerRig {
 public:
  using Texts = fakes::SettingReader::Texts;
  ManagerRig(std::uint64_t seed, std::span<const SettingDescriptor> declared, const Texts& settings)
      : sim(seed),
        runtime(sim.AddMachine("manager").runtime()),
        store(runtime),
        loopback(runtime, router),
        context(runtime) {
    router.SetSelf({"manager", "org", {"swarm-manager"}});
    context.router_part = &router;
    context.values = fakes::SettingReader::Read(declared, settings);
    context.node_info.node_id = "manager";
    context.node_info.advertise_address = "10.0.0.1:4242";
    context.template Provide<Store>(kStoreRole, store);
    sim.Settle();
  }
  ~ManagerRig() {
    Stop();
    channels.clear();
  }

  void Start() {
    unit = std::make_unique<Unit>(context);
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

  // --- objects ---
  // Runs one transaction to its end.
  void Write(TransactionFn fn) {
    std::optional<Result<Index>> done;
    store.writer()->Update(std::move(fn), [&](Result<Index> result) { done = std::move(result); });
    sim.Settle();
    ASSERT_TRUE(done && done->ok()) << (done ? done->status().ToString() : "no outcome");
  }
  template <class M>
  void Put(M object) {
    Write([&](Transaction& tx) { return tx.Create(std::make_shared<M>(object)); });
  }
  template <class M, class Fn>
  void Edit(const std::string& id, Fn edit) {
    Write([&](Transaction& tx) {
      auto object = std::make_shared<M>(*tx.template Get<M>(id));
      edit(*object);
      return tx.Update(std::move(object));
    });
  }
  void PutTask(Task task) {
    if (!task.spec) task.spec = std::make_shared<pb::TaskSpec>();
    if (!task.service_annotations) task.service_annotations = std::make_shared<pb::Annotations>();
    Write([&](Transaction& tx) { return tx.CreateTask(std::make_shared<Task>(task)); });
  }
  template <class Fn>
  void EditTask(const std::string& id, Fn edit) {
    Write([&](Transaction& tx) {
      auto task = std::make_shared<Task>(*tx.GetTask(id));
      edit(*task);
      return tx.UpdateTask(std::move(task));
    });
  }

  // --- callers ---
  // Over TLS with the role; without one on the local socket.
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
  // `method`: "Dispatcher/Session". Sends one request and settles.
  template <class M, class Request>
  std::unique_ptr<Received<M>> Open(Channel& channel, std::string_view method, Request request,
                                    bool reads = true) {
    auto stream = channel.Open(Full(method), {});
    stream->Send(Payload::Of(std::move(request)), [](bool) {});
    stream->CloseSend();
    auto received = std::make_unique<Received<M>>(std::move(stream), reads);
    sim.Settle();
    return received;
  }
  template <class Response, class Request>
  Result<std::shared_ptr<const Response>> Call(Channel& channel, std::string_view method,
                                               Request request) {
    std::optional<Result<std::shared_ptr<const Response>>> reply;
    CallUnary<Response>(channel, Full(method), {}, std::move(request),
                        [&](Result<std::shared_ptr<const Response>> r) { reply = std::move(r); });
    sim.Settle();
    if (!reply) return Status(Code::kInternal, "no reply");
    return *reply;
  }
  static std::string Full(std::string_view method) {
    return "/docker.swarmkit.v1." + std::string(method);
  }

  Simulation sim;
  Runtime& runtime;
  fakes::ReferenceStore store;
  rpc::RouterImpl router;
  rpc::Loopback loopback;
  fakes::FakeContext context;
  std::unique_ptr<Unit> unit;
  std::map<std::string, std::shared_ptr<Channel>> channels;
};

}  // namespace swarm::test
