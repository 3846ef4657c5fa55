// One call on the virtual network, seen from both ends.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "simulation/network_core.h"

namespace swarm::simulation {

class VirtualContext final : public CallContext {
 public:
  VirtualContext(const Connection& connection, std::string method, const CallOptions& options,
                 SteadyTime now);

  const std::string& method() const noexcept override { return method_; }
  Listener listener() const noexcept override { return listener_; }
  const std::optional<Identity>& caller() const noexcept override { return caller_; }
  const std::string& remote_address() const noexcept override { return remote_address_; }
  const Metadata& metadata() const noexcept override { return metadata_; }
  std::optional<SteadyTime> deadline() const noexcept override { return deadline_; }
  void OnCancel(Function<void()> fn) noexcept override;
  bool cancelled() const noexcept override { return cancelled_; }

  void Cancel();
  // The call has ended: no cancel any more.
  void End();

 private:
  const std::string method_;
  const Listener listener_;
  const std::optional<Identity> caller_;
  const std::string remote_address_;
  const Metadata metadata_;
  std::optional<SteadyTime> deadline_;
  bool cancelled_ = false;
  bool ended_ = false;
  std::vector<Function<void()>> on_cancel_;
};

class VirtualCall : public std::enable_shared_from_this<VirtualCall> {
 public:
  using ClientRead = Function<void(Result<std::optional<Payload>>)>;
  using ServerRead = Function<void(std::optional<Payload>)>;
  using Sent = Function<void(bool)>;

  VirtualCall(std::shared_ptr<NetworkCore> core, HostPtr client);

  // The way is found: the server hears of the call. `opening` tells the target.
  void Begin(ConnectionPtr connection, std::shared_ptr<VirtualContext> context,
             Function<void(CallTarget&)> opening);
  void SetDeadline(Duration timeout);

  // The caller's side.
  void ClientSend(Payload message, Sent done);
  void ClientCloseSend();
  void ClientReadNext(ClientRead done);
  // Ends the caller's side with `status`, and the server hears of the cancel.
  void ClientEnd(Status status);
  bool client_over() const { return outcome_.has_value(); }

  // The handler's side.
  const CallContextPtr& context() const { return context_base_; }
  void ServerReadNext(ServerRead done);
  void ServerSend(Payload message, Sent done);
  void ServerFinish(Status status);

  // What the network tells.
  void ClientLost();
  void ServerCancelled();
  void HostDied(const HostPtr& host);
  void Drop();  // both ends have died

 private:
  struct Side {
    std::deque<Payload> inbox;
    std::deque<std::pair<Payload, Sent>> unsent;  // before the way is found
    SteadyTime last_arrival;
  };

  void FlushClientReads();
  void FlushServerReads();
  void Answer(Sent done, const HostPtr& host, bool sent);
  void Forget();
  const HostPtr& server_host() const { return connection_->server->host; }

  const std::shared_ptr<NetworkCore> core_;
  const HostPtr client_;
  const std::uint64_t id_;
  ConnectionPtr connection_;  // null: not begun
  std::shared_ptr<VirtualContext> context_;
  CallContextPtr context_base_;
  std::shared_ptr<TimerState> deadline_;

  Side to_server_;
  Side to_client_;
  ClientRead client_read_;
  ServerRead server_read_;
  std::optional<Status> outcome_;  // of the caller's side
  bool close_wanted_ = false;      // CloseSend before the way was found
  bool client_closed_ = false;     // arrived at the server
  bool server_over_ = false;
};

// The four ends that users hold.
std::shared_ptr<ClientStream> MakeClientStream(std::shared_ptr<VirtualCall> call);
ServerStreamPtr MakeServerStream(std::shared_ptr<VirtualCall> call);
std::shared_ptr<PendingCall> MakePendingCall(std::shared_ptr<VirtualCall> call);
UnaryReply MakeReply(std::shared_ptr<VirtualCall> call);

}  // namespace swarm::simulation
