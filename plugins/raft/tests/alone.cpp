// Links the core and nothing else of this project or any other: that it links proves that the core
// reaches no runtime, thread, clock, log or network.
#include <cstdio>

#include "core/raft.h"

int main() {
  using namespace swarm::raft;
  MemoryStorage storage;
  Options options;
  options.id = swarm::RaftId(1);
  options.random = [](std::uint64_t) { return std::uint64_t{0}; };
  Raft raft(options, storage, Saved{.conf_state = {.voters = {swarm::RaftId(1)}}});
  raft.Campaign();
  while (raft.HasReady()) {
    const Ready ready = raft.TakeReady();
    storage.Append(ready.entries);
    for (const Message& message : ready.messages_after_write) raft.Step(message);
    raft.Written(ready.mark);
    if (!ready.committed.empty()) raft.Applied(ready.committed.back().index);
  }
  if (raft.role() == Role::kLeader && raft.log().applied() == swarm::Index(1)) return 0;
  std::puts("a group of one did not elect its member and commit its entry");
  return 1;
}
