#include "tls/served_connection.h"

#include <boost/asio/post.hpp>
#include <utility>

namespace swarm::tls {

Session::~Session() = default;

ServedConnection::ServedConnection(IoThread& io, Fd net) : Connection(io, std::move(net)) {}

void ServedConnection::Serve(std::shared_ptr<Session> session, Duration patience, ClosedFn closed) {
  Begin(std::move(closed));
  session_ = std::move(session);
  CloseAfter(patience, {Code::kUnavailable, "it did not begin to speak HTTP/2 in time"});
  boost::asio::post(io().context(),
                    [self = std::static_pointer_cast<ServedConnection>(shared_from_this())] {
                      self->Flush();
                      self->PumpIn();
                    });
}

void ServedConnection::OnClose() {
  tail_ = {};
  if (const auto session = std::exchange(session_, nullptr)) session->Closed();
}

void ServedConnection::PumpIn() {
  for (int round = 0; round < kRoundsPerTurn; ++round) {
    if (closed()) return;
    const auto space = io().scratch();
    const Moved read = ReadNet(space.data(), space.size());
    if (read.step == Step::kReadable || read.step == Step::kWritable) return WaitForMore(read.step);
    if (read.step == Step::kEnd) return Close(Status::Ok());
    if (read.step == Step::kError) return Fail("reading", read);
    if (!ending_) Take(space.first(read.bytes));
    // Most of the time that was all: asking the socket again only costs.
    if (read.bytes < space.size() && !HasUnread()) return WaitForMore(Step::kReadable);
  }
  boost::asio::post(
      io().context(),
      [self = std::static_pointer_cast<ServedConnection>(shared_from_this())] { self->PumpIn(); });
}

void ServedConnection::WaitForMore(Step what) {
  if (!closed()) Wait(net(), what, &ServedConnection::PumpIn);
}

void ServedConnection::Take(std::span<const char> bytes) {
  const auto session = session_;  // it lives until it returns
  broken_ = !session->Receive(bytes);
  if (closed()) return;
  if (!greeted_ && session->greeted()) {
    greeted_ = true;
    timer().cancel();
  }
  Flush();
}

void ServedConnection::Flush() {
  while (!closed() && !blocked_ && !ending_) {
    const auto space = io().scratch();
    const std::size_t size = session_->Output(space);
    if (size == 0) {
      if (broken_ || session_->finished()) End();
      return;
    }
    std::size_t done = 0;
    while (done < size) {
      const Moved written = WriteNet(space.data() + done, size - done);
      if (written.step == Step::kError) return Fail("writing", written);
      if (written.step != Step::kData) {
        tail_.assign(space.data() + done, size - done);
        blocked_ = true;
        return Wait(net(), written.step, &ServedConnection::Writable);
      }
      done += written.bytes;
    }
  }
}

// Gives the peer time to read the last words: closing at once could take them back.
void ServedConnection::End() {
  ending_ = true;
  EndWriting();
  CloseAfter(kLinger, Status::Ok());
}

void ServedConnection::Writable() {
  blocked_ = false;
  if (WriteTail()) Flush();
}

bool ServedConnection::WriteTail() {
  std::size_t done = 0;
  while (done < tail_.size()) {
    const Moved written = WriteNet(tail_.data() + done, tail_.size() - done);
    if (written.step == Step::kError) {
      Fail("writing", written);
      return false;
    }
    if (written.step != Step::kData) {
      tail_.erase(0, done);
      blocked_ = true;
      Wait(net(), written.step, &ServedConnection::Writable);
      return false;
    }
    done += written.bytes;
  }
  tail_ = {};
  return true;
}

}  // namespace swarm::tls
