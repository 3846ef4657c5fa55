// A single core with its owner, for tests of one rule at a time: what was written is kept, what
// was said is to be looked at.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/raft.h"

namespace swarm::raft::testing {

inline std::vector<RaftId> Ids(std::initializer_list<std::uint64_t> numbers) {
  std::vector<RaftId> ids;
  for (const std::uint64_t number : numbers) ids.push_back(RaftId(number));
  return ids;
}

class Peer {
 public:
  struct Setup {
    std::uint64_t id = 1;
    std::vector<RaftId> voters = Ids({1, 2, 3});
    // Terms of the entries after the snapshot at (1, term 1), which the group starts with.
    std::vector<std::uint64_t> log{};
    HardState hard_state{Term(1), kNobody, Index(1)};
    Options options{};
  };

  explicit Peer(Setup setup) {
    Snapshot first{{Index(1), Term(1)}, {.voters = setup.voters}, MakePayload("state")};
    if (setup.voters.empty()) first.position = {};
    if (!setup.voters.empty()) storage.Reset(std::make_shared<const Snapshot>(first));
    Index index = first.position.index;
    for (const std::uint64_t term : setup.log) {
      index = index + 1;
      storage.Append(
          std::vector<Entry>{{.term = Term(term),
                              .index = index,
                              .data = MakePayload("e" + std::to_string(index.value()))}});
    }
    setup.options.id = RaftId(setup.id);
    if (!setup.options.random) setup.options.random = [](std::uint64_t bound) { return bound - 1; };
    if (setup.voters.empty()) setup.hard_state = {};
    raft = std::make_unique<Raft>(setup.options, storage,
                                  Saved{setup.hard_state, first.conf_state, first.position.index});
  }
  Peer() : Peer(Setup{}) {}

  // Does all work there is and returns what was said to others.
  std::vector<Message> Work() {
    std::vector<Message> said;
    while (raft->HasReady()) {
      Ready ready = raft->TakeReady();
      if (ready.snapshot) storage.Reset(ready.snapshot);
      storage.Append(ready.entries);
      for (Message& message : ready.messages) said.push_back(std::move(message));
      for (Message& message : ready.messages_after_write) {
        if (message.to == raft->id()) {
          raft->Step(message);
        } else {
          said.push_back(std::move(message));
        }
      }
      raft->Written(ready.mark);
      for (const Entry& entry : ready.committed) {
        if (IsConfChange(entry)) raft->ApplyConfChange(entry);
        applied.push_back(entry);
      }
      if (!ready.committed.empty()) raft->Applied(ready.committed.back().index);
    }
    return said;
  }

  // Steps the message and returns what is said in answer.
  std::vector<Message> Hear(Message message) {
    message.to = raft->id();
    last_result = raft->Step(std::move(message));
    return Work();
  }

  // Makes it leader of its next term with the votes of all others.
  void Lead() {
    raft->Campaign();
    Work();
    for (const RaftId voter : raft->configuration().voters.All()) {
      if (voter != raft->id())
        Hear({.type = MessageType::kVoteResponse, .from = voter, .term = raft->term()});
    }
    ASSERT_EQ(raft->role(), Role::kLeader);
  }

  // `from` has everything up to the end of the log.
  void Acknowledge(std::uint64_t from) {
    Hear({.type = MessageType::kAppendResponse,
          .from = RaftId(from),
          .term = raft->term(),
          .index = raft->log().LastIndex()});
  }

  void Tick(int times) {
    for (; times > 0; --times) raft->Tick();
  }

  MemoryStorage storage;
  std::unique_ptr<Raft> raft;
  std::vector<Entry> applied;
  StepResult last_result = StepResult::kOk;
};

// The messages of one type.
inline std::vector<Message> Only(MessageType type, const std::vector<Message>& messages) {
  std::vector<Message> out;
  for (const Message& message : messages) {
    if (message.type == type) out.push_back(message);
  }
  return out;
}

}  // namespace swarm::raft::testing
