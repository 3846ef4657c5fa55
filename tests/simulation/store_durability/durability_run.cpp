#include "durability_run.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "swarm/store_errors.h"

namespace swarm::durability {
namespace {

using std::chrono::seconds;

constexpr int kLives = 4;
constexpr std::uint64_t kBursts = 8;
constexpr std::uint64_t kBurstSize = 8;
constexpr std::uint64_t kObjects = 12;
constexpr std::uint64_t kSyncsOfALife = 25;
constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();

// Draws a transaction's choices: the same ones each time it is run.
class Choices {
 public:
  explicit Choices(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15ULL + 1) {}
  std::uint64_t Below(std::uint64_t limit) {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_ % limit;
  }

 private:
  std::uint64_t state_;
};

// Notes what the transaction sees of the object.
void Look(Transaction& tx, Attempt& attempt, Table table, const std::string& id) {
  Seen seen{table, id, false, 0};
  if (table == Table::kTask) {
    if (const TaskPtr task = tx.GetTask(id)) {
      seen.present = true;
      seen.version = task->version;
    }
  } else if (const auto service = tx.Get<pb::Service>(id)) {
    seen.present = true;
    seen.version = service->meta().version().index();
  }
  attempt.seen.push_back(std::move(seen));
}

Status WriteService(Transaction& tx, Attempt& attempt, Choices& choices, const std::string& id) {
  const auto stored = tx.Get<pb::Service>(id);
  if (stored && choices.Below(3) == 0) {
    SWARM_RETURN_IF_ERROR(tx.Remove<pb::Service>(id));
    attempt.writes.push_back({Change::kRemove, Table::kService, id, nullptr, nullptr});
    return Status::Ok();
  }
  auto service = stored ? std::make_shared<pb::Service>(*stored) : std::make_shared<pb::Service>();
  service->set_id(id);
  auto* annotations = service->mutable_spec()->mutable_annotations();
  annotations->set_name("name" + std::to_string(choices.Below(kObjects)));
  (*annotations->mutable_labels())["fill"] = std::string(choices.Below(6000), 'f');
  SWARM_RETURN_IF_ERROR(stored ? tx.Update(service) : tx.Create(service));
  attempt.version = service->meta().version().index();
  attempt.writes.push_back({stored ? Change::kUpdate : Change::kCreate, Table::kService, id,
                            std::make_shared<pb::Service>(*service), nullptr});
  return Status::Ok();
}

Status WriteTask(Transaction& tx, Attempt& attempt, Choices& choices, const std::string& id) {
  const TaskPtr stored = tx.GetTask(id);
  if (stored && choices.Below(3) == 0) {
    SWARM_RETURN_IF_ERROR(tx.Delete(Table::kTask, id));
    attempt.writes.push_back({Change::kRemove, Table::kTask, id, nullptr, nullptr});
    return Status::Ok();
  }
  auto task = stored ? std::make_shared<Task>(*stored) : std::make_shared<Task>();
  task->id = id;
  task->service_id = "s" + std::to_string(choices.Below(kObjects));
  task->slot = choices.Below(5);
  task->status.state = choices.Below(2) == 0 ? pb::RUNNING : pb::FAILED;
  task->status.message = std::string(choices.Below(500), 'm');
  SWARM_RETURN_IF_ERROR(stored ? tx.UpdateTask(task) : tx.CreateTask(task));
  attempt.version = task->version;
  attempt.writes.push_back({stored ? Change::kUpdate : Change::kCreate, Table::kTask, id, nullptr,
                            std::make_shared<Task>(*task)});
  return Status::Ok();
}

}  // namespace

void Counters::Add(const Counters& other) {
  transactions += other.transactions;
  acknowledged += other.acknowledged;
  crashes += other.crashes;
  crashes_at_sync += other.crashes_at_sync;
  torn_writes += other.torn_writes;
  lost_writes += other.lost_writes;
  refused += other.refused;
  no_space += other.no_space;
  sync_failures += other.sync_failures;
  reruns += other.reruns;
  rebuilt += other.rebuilt;
  snapshots += other.snapshots;
  adopted += other.adopted;
  most_in_flight = std::max(most_in_flight, other.most_in_flight);
}

std::string KindOfSync(std::string_view path) {
  const auto slash = path.rfind('/');
  const std::string folder(path.substr(0, slash == path.npos ? 0 : slash));
  const std::string_view name = slash == path.npos ? path : path.substr(slash + 1);
  const auto dot = name.find('.');
  // A file's name is its number and its kind; a folder's is as it is.
  return folder + "/" +
         (dot == name.npos ? std::string(name) : "*" + std::string(name.substr(dot)));
}

DurabilityRun::DurabilityRun(Plan plan)
    : plan_(std::move(plan)),
      sim_(plan_.seed),
      machine_(sim_.AddMachine("manager")),
      observer_(sim_.AddMachine("observer")),
      history_(observer_.runtime()),
      snapshot_interval_(5 + sim_.random().Below(30)),
      crash_at_(plan_.crash_at) {
  // The node has made its state folder before.
  const bool made = machine_.disk().CreateDirectory("/state", 0700).ok() &&
                    machine_.disk().SyncDirectory("/").ok();
  if (!made) wrong_ = "the state folder could not be made";
  machine_.disk().OnSync(
      [this](std::uint64_t number, std::string_view path) { return OnSync(number, path); });
}

DurabilityRun::~DurabilityRun() {
  if (process_) Shutdown();
}

bool DurabilityRun::OnSync(std::uint64_t number, std::string_view path) {
  kinds_.insert(KindOfSync(path));
  if (crash_at_ == number) {
    crash_at_.reset();
    ++counters_.crashes_at_sync;
    Crash();
  }
  return !(plan_.forget && plan_.forget(path));
}

// Only marks the process as dead: it is on the stack.
void DurabilityRun::Crash() {
  ++counters_.crashes;
  alive_ = false;
  ++generation_;
  machine_.Crash();
}

void DurabilityRun::TakeDown() {
  if (!process_) return;
  counters_.refused += process_->consensus->refusals();
  const store::PipelineStats stats = process_->store->StatsForTest();
  counters_.reruns += stats.rerun;
  counters_.rebuilt += stats.rebuilt;
  counters_.most_in_flight = std::max(counters_.most_in_flight, stats.most_in_flight);
  process_->consensus->Stop();
  process_->log->Stop([] {});
  process_->store->Stop();
  process_->writer.reset();
  process_->store.reset();
  process_.reset();
  waiting_ = 0;
}

void DurabilityRun::Shutdown() {
  alive_ = false;
  ++generation_;
  TakeDown();
}

standalone::Options DurabilityRun::LogOptions() const {
  standalone::Options options;
  options.storage.directory = "/state/raft";
  options.storage.key = std::string(32, 'k');
  options.storage.segment_bytes = 1 << 16;
  options.storage.zero_ahead_bytes = plan_.seed % 2 == 0 ? 1 << 15 : 0;
  options.node_id = "node";
  options.snapshot_interval = snapshot_interval_;
  options.log_entries_for_slow_followers = plan_.seed % 3;
  return options;
}

bool DurabilityRun::WaitFor(const std::function<bool()>& condition) {
  return sim_.RunUntil([&] { return !alive_ || condition(); }, seconds(60)) && alive_;
}

bool DurabilityRun::TryBoot() {
  TakeDown();
  machine_.disk().SetCapacity(kUnlimited);
  machine_.disk().FailSyncs(0);
  Runtime& runtime = machine_.runtime();
  auto snapshots = runtime.files().List("/state/raft/snap-v3-encrypted");
  const bool from_snapshot = snapshots.ok() && !snapshots->empty();
  process_ = std::make_unique<Process>();
  process_->log = std::make_unique<standalone::Standalone>(runtime, LogOptions(), Logger());
  process_->consensus = std::make_unique<RefusingConsensus>(runtime, *process_->log);
  process_->store =
      std::make_unique<store::StoreImpl>(runtime, *process_->consensus, Logger(),
                                         store::PipelineLimits{plan_.seed % 5 == 0 ? 2u : 64u});
  alive_ = true;
  std::optional<Status> started;
  process_->log->Start([&, generation = generation_](Status status) {
    if (generation == generation_) started = std::move(status);
  });
  const bool up =
      WaitFor([&] { return started && (!started->ok() || process_->store->CurrentWriter().ok()); });
  if (up && !started->ok()) wrong_ = "the restart failed: " + started->ToString();
  if (!up || !wrong_.empty()) return false;
  counters_.snapshots += from_snapshot ? 1 : 0;
  process_->writer = *process_->store->CurrentWriter();
  return true;
}

// The planned crash may come during a start; then once more.
bool DurabilityRun::Boot() {
  for (int tries = 0; tries < 4; ++tries) {
    if (TryBoot()) {
      const std::string image = Image();
      if (!alive_) continue;
      history_.Recover(image);
      if (wrong_.empty()) wrong_ = history_.mistake();
      return wrong_.empty();
    }
    if (!wrong_.empty()) return false;
    if (alive_) break;
  }
  if (wrong_.empty()) wrong_ = "the store did not start to lead";
  return false;
}

std::string DurabilityRun::Image() {
  std::string data;
  bool done = false;
  process_->store->Capture([&, generation = generation_](Result<StoreImage> image) {
    if (generation != generation_ || !image.ok()) return;
    data = std::move(image->data);
    done = true;
  });
  WaitFor([&] { return done; });
  return data;
}

Status DurabilityRun::Transact(Attempt& attempt, std::uint64_t seed, Transaction& tx) {
  history_.Run(attempt);
  Choices choices(seed);
  // Reading one object first, to see from which state it was answered.
  const std::string looked_at = std::to_string(choices.Below(kObjects));
  Look(tx, attempt, Table::kService, "s" + looked_at);
  Look(tx, attempt, Table::kTask, "t" + looked_at);
  const std::uint64_t writes = choices.Below(5);  // 0: reads only
  for (std::uint64_t i = 0; i < writes; ++i) {
    const std::string number = std::to_string(choices.Below(kObjects));
    const Status status = choices.Below(2) == 0 ? WriteService(tx, attempt, choices, "s" + number)
                                                : WriteTask(tx, attempt, choices, "t" + number);
    // A refused write leaves the transaction usable; half of them go on.
    if (status.ok() || choices.Below(2) == 0) continue;
    attempt.failed = true;
    return status;
  }
  return Status::Ok();
}

void DurabilityRun::StartTransaction() {
  ++counters_.transactions;
  ++waiting_;
  const AttemptPtr attempt = history_.Begin();
  const std::uint64_t seed = sim_.random().Next();
  process_->writer->Update(
      [this, attempt, seed](Transaction& tx) { return Transact(*attempt, seed, tx); },
      [this, attempt, generation = generation_](Result<Index> result) {
        if (generation != generation_) return;
        --waiting_;
        if (result.ok()) {
          ++counters_.acknowledged;
          return history_.Acknowledge(attempt, *result);
        }
        const Code code = result.status().code();
        if (code == Code::kResourceExhausted &&
            result.status().message() != std::string(kRefusedByPlan)) {
          ++counters_.no_space;
        }
        // Unavailable: leadership went while it was under way.
        history_.Fail(attempt, code != Code::kUnavailable);
      });
}

void DurabilityRun::Mischief() {
  if (OneIn(4)) process_->consensus->RefuseAfter(Below(kBurstSize));
  if (OneIn(10)) {
    machine_.disk().SetCapacity(Below(400'000));
  } else if (OneIn(2)) {
    machine_.disk().SetCapacity(kUnlimited);
  }
  if (OneIn(40)) {
    ++counters_.sync_failures;
    machine_.disk().FailSyncs(1);
  }
}

void DurabilityRun::Burst() {
  Mischief();
  const std::uint64_t size = 1 + Below(kBurstSize);
  for (std::uint64_t i = 0; i < size; ++i) StartTransaction();
  if (OneIn(12)) {
    // Anywhere, not only at syncs.
    const std::uint64_t steps = Below(40);
    for (std::uint64_t i = 0; i < steps && alive_; ++i) sim_.Step();
    if (alive_) Crash();
    return;
  }
  if (!WaitFor([this] { return waiting_ == 0; }) && alive_) {
    wrong_ = std::to_string(waiting_) + " transactions have no outcome";
  }
}

void DurabilityRun::Live() {
  if (!plan_.crash_at) crash_at_ = syncs() + Below(kSyncsOfALife);
  for (std::uint64_t i = 0; i < kBursts && alive_ && wrong_.empty(); ++i) {
    // After a failed sync it leads no more; only a restart helps.
    if (!process_->store->CurrentWriter().ok()) break;
    Burst();
    if (wrong_.empty()) wrong_ = history_.mistake();
    // Snapshots get time now and then.
    if (alive_ && OneIn(2)) sim_.RunFor(std::chrono::milliseconds(100));
  }
}

std::string DurabilityRun::Run() {
  for (int life = 0; life < kLives && wrong_.empty(); ++life) {
    if (!Boot()) break;
    Live();
    if (!wrong_.empty()) break;
    // Also after a failed sync: what it left in memory alone must not be built on.
    if (alive_ && OneIn(3)) {
      Shutdown();
    } else if (alive_) {
      Crash();
    }
  }
  crash_at_.reset();
  if (wrong_.empty()) Boot();
  counters_.torn_writes = machine_.disk().torn_writes();
  counters_.lost_writes = machine_.disk().lost_writes();
  counters_.adopted = history_.adopted();
  return wrong_;
}

}  // namespace swarm::durability
