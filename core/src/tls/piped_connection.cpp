#include "tls/piped_connection.h"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <utility>

namespace swarm::tls {

using boost::system::error_code;

PipedConnection::PipedConnection(IoThread& io, Fd net)
    : Connection(io, std::move(net)), app_(io.context()) {}

void PipedConnection::Start(Fd app, ClosedFn closed) {
  Begin(std::move(closed));
  error_code ignored;  // as for the peer's socket
  app_.assign(app.Release(), ignored);
  Again(&PipedConnection::PumpIn);
  Again(&PipedConnection::PumpOut);
}

void PipedConnection::Again(void (PipedConnection::*pump)()) {
  boost::asio::post(io().context(),
                    [self = std::static_pointer_cast<PipedConnection>(shared_from_this()), pump] {
                      ((*self).*pump)();
                    });
}

void PipedConnection::OnClose() {
  error_code ignored;
  app_.close(ignored);
  in_tail_ = {};
  out_tail_ = {};
}

void PipedConnection::PumpIn() {
  for (int round = 0; round < kRoundsPerTurn; ++round) {
    if (closed() || in_ended_ || !FlushIn()) return;
    const auto space = io().scratch();
    const Moved read = ReadNet(space.data(), space.size());
    switch (read.step) {
      case Step::kReadable:
      case Step::kWritable:
        return Wait(net(), read.step, &PipedConnection::PumpIn);
      case Step::kEnd:
        return EndIn();
      case Step::kError:
        return Fail("reading", read);
      case Step::kData:
        break;
    }
    if (first_bytes_) std::exchange(first_bytes_, nullptr)();
    const auto sent = send(app_.native_handle(), space.data(), read.bytes, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return Close(Status::Ok());  // the process is done with it
    const auto taken = static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
    if (taken < read.bytes) in_tail_.assign(space.data() + taken, read.bytes - taken);
  }
  Again(&PipedConnection::PumpIn);
}

bool PipedConnection::FlushIn() {
  if (in_tail_.empty()) return true;
  const auto sent = send(app_.native_handle(), in_tail_.data(), in_tail_.size(), MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN) {
    Close(Status::Ok());
    return false;
  }
  if (sent > 0) in_tail_.erase(0, static_cast<std::size_t>(sent));
  if (in_tail_.empty()) {
    in_tail_ = {};  // an idle connection keeps no buffer
    return true;
  }
  Wait(app_, Step::kWritable, &PipedConnection::PumpIn);
  return false;
}

// The peer sends no more; it may still listen.
void PipedConnection::EndIn() {
  in_ended_ = true;
  shutdown(app_.native_handle(), SHUT_WR);
  EndBoth();
}

void PipedConnection::PumpOut() {
  for (int round = 0; round < kRoundsPerTurn; ++round) {
    if (closed() || out_ended_ || !FlushOut()) return;
    const auto space = io().scratch();
    const auto got = recv(app_.native_handle(), space.data(), space.size(), 0);
    if (got < 0 && errno == EAGAIN) return Wait(app_, Step::kReadable, &PipedConnection::PumpOut);
    if (got <= 0) return EndOut();
    out_tail_.clear();
    const auto size = static_cast<std::size_t>(got);
    std::size_t done = 0;
    while (done < size) {
      const Moved written = WriteNet(space.data() + done, size - done);
      if (written.step == Step::kError) return Fail("writing", written);
      if (written.step != Step::kData) {
        out_tail_.assign(space.data() + done, size - done);
        return Wait(net(), written.step, &PipedConnection::PumpOut);
      }
      done += written.bytes;
    }
  }
  Again(&PipedConnection::PumpOut);
}

bool PipedConnection::FlushOut() {
  while (!out_tail_.empty()) {
    const Moved written = WriteNet(out_tail_.data(), out_tail_.size());
    if (written.step == Step::kError) {
      Fail("writing", written);
      return false;
    }
    if (written.step != Step::kData) {
      Wait(net(), written.step, &PipedConnection::PumpOut);
      return false;
    }
    out_tail_.erase(0, written.bytes);
    if (out_tail_.empty()) out_tail_ = {};
  }
  return true;
}

void PipedConnection::EndOut() {
  out_ended_ = true;
  EndWriting();
  EndBoth();
}

void PipedConnection::EndBoth() {
  if (in_ended_ && out_ended_) return Close(Status::Ok());
  CloseAfter(kLinger, Status::Ok());
}

}  // namespace swarm::tls
