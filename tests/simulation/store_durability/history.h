// What was asked of the store and what it answered, checked against the reference store.
//
// The store keeps the order in which transactions are given to it, also when it runs some again. An
// acknowledged one goes into the reference store; one that was not may be found after a restart,
// but only whole, and only if all before it are found too.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "fakes/reference_store.h"
#include "swarm/runtime.h"
#include "swarm/store.h"

namespace swarm::durability {

// One write that the store took, with a copy of the object: the store puts back the meta of what
// it did not make.
struct Write {
  Change change;
  Table table;
  std::string id;
  std::shared_ptr<google::protobuf::Message> message;
  std::shared_ptr<Task> task;
};

// What a transaction saw of one object.
struct Seen {
  Table table;
  std::string id;
  bool present = false;
  std::uint64_t version = 0;
};

struct Attempt {
  std::uint64_t number = 0;
  bool ran = false;
  // Of its last run.
  bool failed = false;  // the callback returned an error
  std::uint64_t version = 0;
  std::vector<Write> writes;
  std::vector<Seen> seen;
};
using AttemptPtr = std::shared_ptr<Attempt>;

class History {
 public:
  explicit History(Runtime& runtime) : reference_(runtime) {}

  AttemptPtr Begin();
  // A run of its callback begins.
  void Run(Attempt& attempt);
  // The outcome. `definite`: false when it may have been made all the same.
  void Acknowledge(const AttemptPtr& attempt, Index index);
  void Fail(const AttemptPtr& attempt, bool definite);
  // After a restart, with the content found as a StoreSnapshot: settles what was left open.
  void Recover(const std::string& image);

  const std::string& mistake() const { return mistake_; }
  std::uint64_t adopted() const { return adopted_; }
  // The reference's content, in a form that can be compared.
  std::string Content() const;
  static std::string Canonical(const std::string& image);

 private:
  void Wrong(const std::string& what);
  void Make(const Attempt& attempt, Index index);
  void CheckSeen(const Attempt& attempt);

  fakes::ReferenceStore reference_;
  std::uint64_t last_number_ = 0;
  std::list<AttemptPtr> open_;
  std::set<std::uint64_t> versions_;
  Index index_;
  std::uint64_t adopted_ = 0;
  std::string mistake_;
};

}  // namespace swarm::durability
