// A connection that this process serves: what comes from the peer goes to a session, and what the
// session has to say to the peer.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "tls/connection.h"

namespace swarm::tls {

// The protocol spoken over a connection. Threading: everything on the IoThread.
class Session {
 public:
  virtual ~Session();
  // Takes all of it. False: the peer cannot be talked with; the connection is closed once what
  // there is to say has been said.
  virtual bool Receive(std::span<const char> bytes) = 0;
  // Fills `into` with what is to be sent next; how much, 0 for nothing now.
  virtual std::size_t Output(std::span<char> into) = 0;
  // The peer has said as much as shows that it speaks the protocol.
  virtual bool greeted() const = 0;
  // Nothing will come or go any more.
  virtual bool finished() const = 0;
  // Once: the connection is gone.
  virtual void Closed() = 0;
};

class ServedConnection final : public Connection {
 public:
  ServedConnection(IoThread& io, Fd net);

  // Closes the connection if the session is not greeted within `patience`. `closed` runs exactly
  // once.
  void Serve(std::shared_ptr<Session> session, Duration patience, ClosedFn closed);
  // The session has something to say.
  void Flush();

 private:
  void OnClose() override;
  void PumpIn();
  void WaitForMore(Step what);
  void Take(std::span<const char> bytes);
  // The socket takes bytes again.
  void Writable();
  bool WriteTail();
  void End();

  std::shared_ptr<Session> session_;
  std::string tail_;      // to be sent, not yet taken by the socket
  bool blocked_ = false;  // waits until the socket takes bytes
  bool broken_ = false;   // the session hears nothing any more
  bool ending_ = false;   // all is said; what comes is dropped
  bool greeted_ = false;
};

}  // namespace swarm::tls
