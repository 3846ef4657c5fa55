#include "backend.h"

#include <span>

namespace swarm::controlapi {

Backend::Backend(Store& store, Consensus* consensus, Runtime& runtime, std::string node_id,
                 Outside* outside, Askers* askers)
    : store_(store),
      consensus_(consensus),
      check_(dynamic_cast<LeadershipCheck*>(consensus)),
      askers_(askers),
      clock_(runtime.clock()),
      node_id_(std::move(node_id)),
      outside_(outside),
      random_(runtime.NewRandom()) {}

void Backend::WhenCurrent(Function<void(Status)> done) const {
  if (check_ == nullptr) return done(Status::Ok());
  // Consensus may know that it leads before the store has caught up with it.
  if (auto writer = store_.CurrentWriter(); !writer.ok()) return done(writer.status());
  check_->ConfirmLeadership([askers = askers_, done = std::move(done)](Status outcome) mutable {
    if (askers == nullptr) return done(std::move(outcome));
    askers->Post([done = std::move(done), outcome = std::move(outcome)]() mutable {
      done(std::move(outcome));
    });
  });
}

void Backend::SetNow(google::protobuf::Timestamp* out) const {
  const auto now = Now().time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
  out->set_seconds(seconds.count());
  out->set_nanos(static_cast<std::int32_t>((now - seconds).count()));
}

std::string Backend::NewObjectId() {
  std::lock_guard lock(random_mutex_);
  return NewId(*random_);
}

std::string Backend::RandomBytes(std::size_t count) {
  std::string out(count, '\0');
  std::lock_guard lock(random_mutex_);
  random_->Fill(std::as_writable_bytes(std::span(out)));
  return out;
}

void Transact(Call call, TransactionFn fn, Function<Payload()> respond) {
  auto writer = call.backend->store().CurrentWriter();
  if (!writer.ok()) return call.reply(writer.status());
  (*writer)->Update(std::move(fn), [call = std::move(call),
                                    respond = std::move(respond)](Result<Index> outcome) mutable {
    if (!outcome.ok()) return call.reply(outcome.status());
    call.reply(respond());
  });
}

}  // namespace swarm::controlapi
