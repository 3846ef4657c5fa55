#include "stream_bridge.h"

#include <utility>

namespace swarm::proxy_raft {

void StreamBridge::Begin() {
  caller_->context()->OnCancel([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->leader_->Cancel();
  });
  FromCaller();
  FromLeader();
}

void StreamBridge::FromCaller() {
  caller_->Read([self = shared_from_this()](std::optional<Payload> message) {
    if (!message) {
      if (!self->caller_->context()->cancelled()) self->leader_->CloseSend();
      return;
    }
    self->leader_->Send(*std::move(message), [self](bool sent) {
      if (sent) self->FromCaller();  // else the leader's side says why
    });
  });
}

void StreamBridge::FromLeader() {
  leader_->Read([self = shared_from_this()](Result<std::optional<Payload>> message) {
    if (!message.ok()) return self->caller_->Finish(message.status());
    if (!*message) return self->caller_->Finish(Status::Ok());
    self->caller_->Send(**std::move(message), [self](bool sent) {
      if (sent) {
        self->FromLeader();
      } else {
        self->leader_->Cancel();
      }
    });
  });
}

}  // namespace swarm::proxy_raft
