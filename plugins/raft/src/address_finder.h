// Where members are that this one does not know yet: one that was away for long is written to by a
// leader that joined meanwhile, and has to answer it before it can learn of it from the log.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/types.h"
#include "swarm/function.h"
#include "swarm/rpc.h"

namespace swarm::raft {

// Asks one manager after the other, for one member at a time. Threading: [any].
class AddressFinder : public std::enable_shared_from_this<AddressFinder> {
 public:
  using Asked = Function<std::shared_ptr<Channel>()>;  // null: cannot be asked

  // `found` with the first address that one of `managers` tells; never when none does, or when
  // another member is being looked for.
  void Find(RaftId id, std::vector<Asked> managers, Function<void(std::string)> found);
  void Stop();

 private:
  void AskNext();
  void OnAnswer(std::string address);

  std::mutex mutex_;  // guards all below; nobody is asked under it
  RaftId id_;
  std::vector<Asked> managers_;  // still to be asked, the next one last
  Function<void(std::string)> found_;
  bool busy_ = false;
  bool stopped_ = false;
};

}  // namespace swarm::raft
