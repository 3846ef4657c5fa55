#include <utility>

#include "conformance/consensus_suite.h"

namespace swarm::conformance {
namespace {

constexpr std::string_view kStateFolder = "/state";
constexpr Duration kPatience = std::chrono::minutes(5);  // of virtual time

}  // namespace

ConsensusRig::ConsensusRig(const ConsensusFactory& factory, std::uint64_t seed)
    : factory_(factory), simulation_(seed), machine_(simulation_.AddMachine("member")) {
  setup.node.node_id = "node-1";
  setup.node.cluster_id = "cluster-1";
  setup.node.hostname = "member";
  setup.node.state_dir = kStateFolder;
  setup.node.advertise_address = "127.0.0.1:4242";
  setup.node.log_key = std::string(32, 'k');
  VirtualDisk& disk = machine_.disk();
  EXPECT_TRUE(disk.CreateDirectory(kStateFolder, 0700).ok());
  EXPECT_TRUE(disk.SyncDirectory("/").ok());
}

ConsensusRig::~ConsensusRig() {
  machine_.disk().OnSync(nullptr);
  if (crashed_) Bury();
  Shutdown();
}

Status ConsensusRig::Boot() {
  if (crashed_) Bury();
  epoch_ = {};
  state_ = std::make_unique<RecordingState>(machine_.runtime());
  instance_ = factory_.make(machine_.runtime(), setup);
  consensus_ = static_cast<Consensus*>(instance_->role());
  consensus_->Attach(*state_);
  std::optional<Status> started;
  instance_->Start([&started](Status status) { started = std::move(status); });
  const bool settled = simulation_.RunUntil(
      [&] { return crashed_ || (started && (!started->ok() || state_->leads())); }, kPatience);
  if (crashed_) return Status(Code::kAborted, "the machine crashed while starting");
  if (!settled) return Status(Code::kDeadlineExceeded, "the member did not become leader");
  return *started;
}

void ConsensusRig::Shutdown() {
  if (instance_ == nullptr) return;
  bool stopped = false;
  instance_->Stop([&stopped] { stopped = true; });
  EXPECT_TRUE(simulation_.RunUntil([&] { return stopped; }, kPatience));
  EXPECT_FALSE(state_->leads()) << "the stop says OnFollower first";
  state_->ExpectSilence();
  simulation_.Settle();
  EXPECT_EQ(state_->mistake(), "");
  instance_.reset();
  consensus_ = nullptr;
  state_.reset();
}

void ConsensusRig::Crash() {
  crashed_ = true;
  machine_.Crash();
}

void ConsensusRig::Bury() {
  instance_.reset();
  consensus_ = nullptr;
  state_.reset();
  crashed_ = false;
}

ProposalEpoch ConsensusRig::Open() {
  const Result<ProposalEpoch> epoch = consensus_->OpenEpoch(state_->leadership());
  EXPECT_TRUE(epoch.ok()) << epoch.status();
  if (!epoch.ok()) return {};
  EXPECT_GT(*epoch, epoch_);
  epoch_ = *epoch;
  next_ = Sequence(1);
  state_->UseEpoch(epoch_);
  return epoch_;
}

std::string ConsensusRig::Propose(std::size_t size) {
  std::string name = "p" + std::to_string(proposed_.size() + 1);
  if (name.size() < size) name.append(size - name.size(), '.');
  proposed_.push_back(name);
  state_->Remember(epoch_, next_, name);
  consensus_->Propose(epoch_, next_, ChangesOf(name));
  next_ = next_.Next();
  return name;
}

bool ConsensusRig::RunUntil(const std::function<bool()>& condition) {
  return simulation_.RunUntil(condition, kPatience);
}

bool ConsensusRig::Drain() {
  const std::size_t wanted = proposed_.size();
  RunUntil([&] { return !alive() || !state_->leads() || state_->content().size() >= wanted; });
  return alive() && state_->content().size() >= wanted;
}

// Not to the end of time: a member alone may have nothing more to do, but others tick.
void ConsensusRig::Settle() { simulation_.RunFor(std::chrono::seconds(10)); }

std::vector<std::string> ConsensusRig::Commit(std::size_t count, std::size_t size) {
  Open();
  std::vector<std::string> names;
  const std::size_t before = state_->own_committed();
  for (std::size_t i = 0; i < count; ++i) names.push_back(Propose(size));
  EXPECT_TRUE(RunUntil([&] { return state_->own_committed() == before + count; }));
  return names;
}

Result<std::vector<CommittedEntry>> ConsensusRig::ReadLog(Index from, Index to) {
  std::optional<Result<std::vector<CommittedEntry>>> result;
  consensus_->ReadLog(from, to, [&result](auto read) { result = std::move(read); });
  if (!RunUntil([&] { return result.has_value(); })) {
    return Status(Code::kDeadlineExceeded, "ReadLog never answered");
  }
  return *std::move(result);
}

void ConsensusSuite::TearDown() { rig_.Shutdown(); }

}  // namespace swarm::conformance
