#include "group_life.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <chrono>

#include "swarm/store_errors.h"
#include "swarmkit/v1/snapshot.pb.h"

namespace swarm::managers {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using test::Operation;

constexpr std::uint64_t kObjects = 6;
constexpr std::uint64_t kMostSteps = 3000;
constexpr std::size_t kMostCalls = 8;

const std::string& ValueIn(const pb::Config& config) {
  static const std::string none;
  const auto& labels = config.spec().annotations().labels();
  const auto at = labels.find("value");
  return at == labels.end() ? none : at->second;
}

// Runs in the store; sets the version it got.
Status CompareAndWrite(Transaction& tx, const std::string& id, Operation& op, std::size_t bytes) {
  const auto stored = tx.Get<pb::Config>(id);
  if (!stored && op.base != 0) return {Code::kNotFound, id};
  if (stored && op.base == 0) return store_errors::Make(store_errors::kSequenceConflict);
  auto config = stored ? std::make_shared<pb::Config>(*stored) : std::make_shared<pb::Config>();
  config->set_id(id);
  auto* annotations = config->mutable_spec()->mutable_annotations();
  annotations->set_name(id);
  (*annotations->mutable_labels())["value"] = op.value;
  config->mutable_spec()->set_data(std::string(bytes, 'x'));
  if (stored) config->mutable_meta()->mutable_version()->set_index(op.base);
  SWARM_RETURN_IF_ERROR(stored ? tx.Update(config) : tx.Create(config));
  op.version = config->meta().version().index();
  return Status::Ok();
}

std::string Canonical(const std::string& image) {
  pb::StoreSnapshot snapshot;
  if (!snapshot.ParseFromString(image)) return "not a snapshot";
  std::string out;
  google::protobuf::io::StringOutputStream stream(&out);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  snapshot.SerializeToCodedStream(&coded);
  coded.Trim();
  return out;
}

}  // namespace

const std::array<Counters::Named, 18> Counters::kAll = {{
    {"steps", &Counters::steps},
    {"acknowledged", &Counters::acknowledged},
    {"unanswered", &Counters::unanswered},
    {"refused", &Counters::refused},
    {"reads", &Counters::reads},
    {"reads_unconfirmed", &Counters::reads_unconfirmed},
    {"elections", &Counters::elections},
    {"crashes", &Counters::crashes},
    {"crashes_in_a_write", &Counters::crashes_in_a_write},
    {"crashes_of_all", &Counters::crashes_of_all},
    {"torn_writes", &Counters::torn_writes},
    {"lost_writes", &Counters::lost_writes},
    {"partitions", &Counters::partitions},
    {"broken_connections", &Counters::broken_connections},
    {"disks_full", &Counters::disks_full},
    {"syncs_failed", &Counters::syncs_failed},
    {"clock_jumps", &Counters::clock_jumps},
    {"transfers", &Counters::transfers},
}};

void Counters::Add(const Counters& other) {
  for (const auto& [name, member] : kAll) this->*member += other.*member;
}

GroupLife::GroupLife(Plan plan)
    : plan_(std::move(plan)),
      nodes_(plan_.seed, plan_.managers, plan_.snapshot_interval, plan_.forget) {}

std::string GroupLife::Run() {
  if (std::string wrong = nodes_.Form(plan_.founder_crashes_at); !wrong.empty()) return wrong;
  std::uint64_t events = 0;
  while (events < 60 ||
         ((counters_.acknowledged < plan_.acknowledged || counters_.faults() < plan_.faults) &&
          events < kMostSteps)) {
    ++events;
    Step();
  }
  std::string wrong = Settle();
  for (const auto& [name, object] : objects_) {
    if (wrong.empty()) wrong = test::Contradiction(object.history);
  }
  std::vector<const std::vector<Operation>*> histories;
  for (const auto& [name, object] : objects_) histories.push_back(&object.history);
  if (wrong.empty()) wrong = test::GivenTwice(histories);
  counters_.steps = nodes_.simulation().steps();
  counters_.torn_writes = nodes_.torn_writes();
  counters_.lost_writes = nodes_.lost_writes();
  counters_.broken_connections = nodes_.network().counters().broken_connections;
  return wrong;
}

void GroupLife::Step() {
  if (OneIn(3)) Fail();
  if (OneIn(6)) Heal();
  Work(3);
}

void GroupLife::Work(int turns) {
  for (int i = 0; i < turns; ++i) {
    Clients();
    nodes_.RunFor(Duration(Below(80'000'000)));
    const int leader = nodes_.Leader();
    if (leader >= 0 && leader != leader_) ++counters_.elections;
    if (leader >= 0) leader_ = leader;
    Unanswered();
  }
}

void GroupLife::Clients() {
  while (calls_.size() < kMostCalls && !OneIn(5)) {
    if (OneIn(2)) {
      Write();
    } else {
      Read(plan_.unconfirmed_reads);
    }
  }
}

GroupLife::CallPtr GroupLife::Begin(int at, const std::string& object, Operation::Kind kind) {
  auto call = std::make_shared<Call>();
  call->at = at;
  call->generation = nodes_.generation(at);
  call->object = object;
  call->op.kind = kind;
  call->op.who = "m" + std::to_string(at + 1);
  call->op.asked = Now();
  calls_.push_back(call);
  return call;
}

bool GroupLife::Counts(const Call& call) const {
  return !call.done && nodes_.generation(call.at) == call.generation;
}

void GroupLife::Record(const CallPtr& call) {
  call->done = true;
  Object& object = objects_[call->object];
  if (call->op.answered != Operation::kNever && call->op.version > object.version) {
    object.version_before = std::exchange(object.version, call->op.version);
  }
  object.history.push_back(call->op);
}

// Calls to processes that are gone: what was written may have been done.
void GroupLife::Unanswered() {
  for (const CallPtr& call : calls_) {
    if (call->done || nodes_.generation(call->at) == call->generation) continue;
    if (call->op.kind == Operation::Kind::kWrite) {
      ++counters_.unanswered;
      Record(call);
    }
    call->done = true;
  }
  std::erase_if(calls_, [](const CallPtr& call) { return call->done; });
}

void GroupLife::Write() {
  const int at = static_cast<int>(Below(static_cast<std::uint64_t>(nodes_.size())));
  if (!nodes_.started(at)) return;
  auto writer = nodes_.store(at).CurrentWriter();
  if (!writer.ok()) return;
  const std::string name = "c" + std::to_string(Below(kObjects));
  const CallPtr call = Begin(at, name, Operation::Kind::kWrite);
  const Object& object = objects_[name];
  call->op.base = OneIn(8) && object.version_before != 0 ? object.version_before : object.version;
  call->op.value = "v" + std::to_string(++values_);
  const std::size_t bytes = Below(3000);
  (*writer)->Update(
      [call, name, bytes](Transaction& tx) { return CompareAndWrite(tx, name, call->op, bytes); },
      [this, call](Result<Index> outcome) { OnWritten(call, outcome); });
}

void GroupLife::OnWritten(const CallPtr& call, const Result<Index>& outcome) {
  if (!Counts(*call)) return;
  if (outcome.ok()) {
    ++counters_.acknowledged;
    call->op.answered = Now();
    return Record(call);
  }
  call->op.version = 0;
  if (outcome.status().code() == Code::kResourceExhausted) {
    // It surely was not done.
    call->done = true;
    return;
  }
  const bool refused = store_errors::Is(outcome.status(), store_errors::kSequenceConflict);
  if (!refused || call->op.base == 0) {
    ++counters_.unanswered;
    return Record(call);
  }
  // As the control API does: a refusal counts once it is sure that nobody else leads.
  nodes_.raft(call->at).ConfirmLeadership([this, call](const Status& current) {
    if (!Counts(*call)) return;
    if (!current.ok()) {
      call->done = true;
      return;
    }
    ++counters_.refused;
    call->op.kind = Operation::Kind::kRefused;
    call->op.answered = Now();
    Record(call);
  });
}

void GroupLife::Read(bool unconfirmed) {
  const int at = static_cast<int>(Below(static_cast<std::uint64_t>(nodes_.size())));
  if (!nodes_.started(at) || !nodes_.store(at).CurrentWriter().ok()) return;
  const CallPtr call = Begin(at, "c" + std::to_string(Below(kObjects)), Operation::Kind::kRead);
  if (unconfirmed) return OnRead(call);
  nodes_.raft(at).ConfirmLeadership([this, call](const Status& current) {
    if (!Counts(*call)) return;
    if (current.ok()) return OnRead(call);
    ++counters_.reads_unconfirmed;
    call->done = true;
  });
}

void GroupLife::OnRead(const CallPtr& call) {
  ++counters_.reads;
  if (const auto config = nodes_.store(call->at).Read()->Get<pb::Config>(call->object)) {
    call->op.version = config->meta().version().index();
    call->op.value = ValueIn(*config);
  }
  call->op.answered = Now();
  Record(call);
}

void GroupLife::ReadAll(int at) {
  for (std::uint64_t i = 0; i < kObjects; ++i) {
    const CallPtr call = Begin(at, "c" + std::to_string(i), Operation::Kind::kRead);
    OnRead(call);
  }
}

void GroupLife::Fail() {
  const int at = static_cast<int>(Below(static_cast<std::uint64_t>(nodes_.size())));
  const int victim = OneIn(2) && nodes_.Leader() >= 0 ? nodes_.Leader() : at;
  const int other = (victim + 1) % nodes_.size();
  switch (Below(10)) {
    case 0:
    case 1:
      if (!nodes_.up(victim)) return;
      ++counters_.crashes;
      return nodes_.Crash(victim);
    case 2:
    case 3:
      if (!nodes_.up(victim)) return;
      ++counters_.crashes;
      ++counters_.crashes_in_a_write;
      return nodes_.CrashAtNextSync(victim);
    case 4:
      ++counters_.crashes_of_all;
      for (int each = 0; each < nodes_.size(); ++each) nodes_.Crash(each);
      return;
    case 5:
      ++counters_.partitions;
      return nodes_.network().Partition(nodes_.machine(victim), nodes_.machine(other));
    case 6:
      // From everybody.
      ++counters_.partitions;
      for (int each = 0; each < nodes_.size(); ++each) {
        if (each != victim)
          nodes_.network().Partition(nodes_.machine(victim), nodes_.machine(each));
      }
      // Until the others have a leader of their own, and this one knows it.
      return Work(50);
    case 7:
      return FailDisk(victim);
    case 8:
      ++counters_.clock_jumps;
      return nodes_.machine(victim).JumpClock(seconds(Below(7200)) - seconds(3600));
    default:
      nodes_.network().SetLoss(OneIn(2) ? 0.01 : 0.0);
      if (nodes_.Leader() < 0) return;
      ++counters_.transfers;
      static_cast<void>(nodes_.raft(nodes_.Leader()).TransferLeadership());
  }
}

void GroupLife::FailDisk(int at) {
  if (OneIn(3)) {
    ++counters_.syncs_failed;
    return nodes_.machine(at).disk().FailSyncs(1);
  }
  ++counters_.disks_full;
  nodes_.machine(at).disk().SetCapacity(0);
}

void GroupLife::Heal() {
  if (OneIn(2)) nodes_.NoMoreFaults();
  StartAgain();
}

// Whoever has crashed, or cannot go on.
void GroupLife::StartAgain() {
  for (int at = 0; at < nodes_.size(); ++at) {
    if (nodes_.failure(at)) nodes_.Crash(at);
    // As a node does, which remembers who else manages.
    const int leader = nodes_.Leader();
    if (!nodes_.up(at)) nodes_.Start(at, leader >= 0 ? leader : (at + 1) % nodes_.size());
  }
}

bool GroupLife::AllStarted() const {
  for (int at = 0; at < nodes_.size(); ++at) {
    if (!nodes_.started(at)) return false;
  }
  return true;
}

bool GroupLife::AnyFailed() const {
  for (int at = 0; at < nodes_.size(); ++at) {
    if (nodes_.failure(at)) return true;
  }
  return false;
}

std::string GroupLife::Describe() {
  std::string text = std::to_string(calls_.size()) + " calls under way";
  for (int at = 0; at < nodes_.size(); ++at) {
    text += "; m" + std::to_string(at + 1) + " ";
    if (!nodes_.started(at)) {
      text += nodes_.up(at) ? "is starting" : "is down";
      if (nodes_.failure(at)) text += ", failed: " + nodes_.failure(at)->ToString();
      continue;
    }
    text += "is at " + std::to_string(nodes_.store(at).Read()->index().value());
    if (nodes_.Leader() == at) text += " and leads";
    if (nodes_.failure(at)) text += ", failed: " + nodes_.failure(at)->ToString();
  }
  return text;
}

// The faults end: everybody is there again and has the same, and the group works.
std::string GroupLife::Settle() {
  nodes_.NoMoreFaults();
  // What failed before may have to be started again; not for ever.
  for (int tries = 0; tries < 3; ++tries) {
    StartAgain();
    nodes_.RunUntil([this] { return AllStarted() || AnyFailed(); }, minutes(5));
  }
  if (AnyFailed()) return "a manager cannot go on: " + Describe();
  const auto back = [this] { return AllStarted() && nodes_.Leader() >= 0; };
  if (!nodes_.RunUntil(back, minutes(5))) return "the managers do not come back: " + Describe();
  const bool calm = nodes_.RunUntil(
      [this] {
        Unanswered();
        return calls_.empty();
      },
      minutes(5));
  if (!calm) return "calls are never answered";
  const std::uint64_t before = counters_.acknowledged;
  const bool works = nodes_.RunUntil(
      [this, before] {
        if (calls_.empty()) Write();
        Unanswered();
        return counters_.acknowledged > before;
      },
      minutes(5));
  if (!works) return "nothing can be written after the faults";
  const auto same = [this] {
    Unanswered();
    std::set<Index> indices;
    for (int at = 0; at < nodes_.size(); ++at) {
      if (!nodes_.started(at)) return false;
      indices.insert(nodes_.store(at).Read()->index());
    }
    return indices.size() == 1 && calls_.empty();
  };
  if (!nodes_.RunUntil(same, minutes(5)))
    return "the managers do not agree after the faults: " + Describe();
  std::set<std::string> contents;
  for (int at = 0; at < nodes_.size(); ++at) {
    ReadAll(at);
    contents.insert(Canonical(nodes_.Content(at).value_or("none")));
  }
  return contents.size() == 1 ? "" : "the managers hold different objects after the faults";
}

}  // namespace swarm::managers
