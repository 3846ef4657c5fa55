// A connection whose bytes come from and go to another socket of this process.
#pragma once

#include <string>

#include "tls/connection.h"

namespace swarm::tls {

class PipedConnection final : public Connection {
 public:
  PipedConnection(IoThread& io, Fd net);

  // Passes bytes between the peer and `app` until both have closed. `closed` runs exactly once.
  void Start(Fd app, ClosedFn closed);
  // Runs once, when the peer's first bytes have come. Before Start.
  void OnFirstBytes(Function<void()> fn) { first_bytes_ = std::move(fn); }

 private:
  void OnClose() override;

  // Peer to process.
  void PumpIn();
  bool FlushIn();
  void EndIn();
  // Process to peer.
  void PumpOut();
  bool FlushOut();
  void EndOut();
  void EndBoth();
  void Again(void (PipedConnection::*pump)());

  Descriptor app_;
  Function<void()> first_bytes_;
  std::string in_tail_;   // read from the peer, not yet taken by the process
  std::string out_tail_;  // the other way round
  bool in_ended_ = false;
  bool out_ended_ = false;
};

}  // namespace swarm::tls
