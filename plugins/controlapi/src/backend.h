// What every method's implementation works with, and how it answers.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "askers.h"
#include "errors.h"
#include "gate.h"
#include "outside.h"
#include "swarm/consensus.h"
#include "swarm/ids.h"
#include "swarm/leadership.h"
#include "swarm/rpc.h"
#include "swarm/runtime.h"
#include "swarm/store.h"

namespace swarm::controlapi {

// Threading: [any]. `store`, `consensus`, `outside` and the runtime's parts outlive every Call.
class Backend {
 public:
  // `outside`: reaches external authorities; null: there are none to be reached. `askers` runs the
  // reads that had to wait; null: on the thread that brings the answer.
  Backend(Store& store, Consensus* consensus, Runtime& runtime, std::string node_id,
          Outside* outside = nullptr, Askers* askers = nullptr);

  Store& store() const { return store_; }
  // Null when nobody provides it.
  Consensus* consensus() const { return consensus_; }
  // May be null.
  Outside* outside() const { return outside_; }
  const std::string& node_id() const { return node_id_; }
  // Calls `done`: OK once what the store holds is sure to be as new as anything that anybody was
  // told before this call; the error when another manager leads, or may. At once where there can
  // be no other, else on a loop of `askers`.
  void WhenCurrent(Function<void(Status)> done) const;
  WallTime Now() const { return clock_.Now(); }
  void SetNow(google::protobuf::Timestamp* out) const;
  std::string NewObjectId();
  // Fit for keys.
  std::string RandomBytes(std::size_t count);

 private:
  Store& store_;
  Consensus* const consensus_;
  LeadershipCheck* const check_;  // null: there is no other manager
  Askers* const askers_;
  const Clock& clock_;
  const std::string node_id_;
  Outside* const outside_;
  std::mutex random_mutex_;
  std::unique_ptr<Random> random_;  // guarded by random_mutex_
};

// One writing call under way.
struct Call {
  std::shared_ptr<Backend> backend;
  Gate::Pass pass;
  UnaryReply reply;
};

// Runs `fn` as one transaction and answers with `respond()` once it is durable, or with its error.
// `fn` may run several times.
void Transact(Call call, TransactionFn fn, Function<Payload()> respond);

}  // namespace swarm::controlapi
