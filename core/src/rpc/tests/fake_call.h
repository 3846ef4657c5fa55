// Calls made by hand, for tests of what receives them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "rpc/call_state.h"
#include "swarm/rpc.h"

namespace swarm::rpc {

struct FakeCall {
  std::string method;
  Listener listener = Listener::kRemote;
  std::optional<Identity> peer;
  std::string address = "10.0.0.7:5000";
  Metadata metadata;

  std::shared_ptr<CallState> Context() const {
    CallInfo info;
    info.method = method;
    info.listener = listener;
    info.caller = std::make_shared<const std::optional<Identity>>(peer);
    info.remote_address = address;
    info.metadata = metadata;
    return std::make_shared<CallState>(std::move(info));
  }
};

// Remembers how it ended.
class FakeStream final : public ServerStream {
 public:
  explicit FakeStream(const FakeCall& call) : context_(call.Context()) {}
  const CallContextPtr& context() const noexcept override { return context_; }
  void Read(Function<void(std::optional<Payload>)> done) noexcept override { done(std::nullopt); }
  void Send(Payload, Function<void(bool)> done) noexcept override { done(true); }
  void Finish(Status status) noexcept override {
    if (!end_) end_ = std::move(status);
  }
  const std::optional<Status>& end() const { return end_; }

 private:
  const CallContextPtr context_;
  std::optional<Status> end_;
};

}  // namespace swarm::rpc
