// Each sync is there for a reason: without it, some crash loses what was reported.
#include "conformance/consensus_suite.h"
#include "make_standalone.h"

namespace swarm::standalone {
namespace {

using conformance::ConsensusFactory;
using conformance::CrashPlan;
using conformance::RunCrashPlan;

struct Mutant {
  const char* name;
  bool (*forget)(std::string_view path);
};
std::ostream& operator<<(std::ostream& out, const Mutant& mutant) { return out << mutant.name; }

constexpr std::string_view kRaft = "/state/raft";
constexpr std::string_view kLog = "/state/raft/wal-v3-encrypted";
constexpr std::string_view kNewLog = "/state/raft/wal-v3-encrypted.tmp";
constexpr std::string_view kSnapshots = "/state/raft/snap-v3-encrypted";

bool IsIn(std::string_view path, std::string_view folder) {
  return path.starts_with(folder) && path.size() > folder.size() && path[folder.size()] == '/';
}

const Mutant kMutants[] = {
    {"RaftFolder", [](std::string_view path) { return path == kRaft; }},
    {"NewLogFolder", [](std::string_view path) { return path == kNewLog; }},
    {"NewLogFile", [](std::string_view path) { return IsIn(path, kNewLog); }},
    {"Append", [](std::string_view path) { return IsIn(path, kLog) && path.ends_with(".wal"); }},
    {"NextLogFile",
     [](std::string_view path) { return IsIn(path, kLog) && path.ends_with(".tmp"); }},
    {"LogFolder", [](std::string_view path) { return path == kLog; }},
    {"SnapshotFile", [](std::string_view path) { return IsIn(path, kSnapshots); }},
    {"SnapshotFolder", [](std::string_view path) { return path == kSnapshots; }},
};

class MutantsTest : public testing::TestWithParam<Mutant> {};

TEST_P(MutantsTest, WithoutTheSyncSomeCrashIsNoticed) {
  const ConsensusFactory factory{"standalone", &MakeStandalone};
  std::uint64_t runs = 0;
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    const CrashPlan plan{
        .seed = seed, .crash_at = seed % 40, .snapshot_interval = 7, .forget = GetParam().forget};
    ++runs;
    const std::string wrong = RunCrashPlan(factory, plan);
    if (wrong.empty()) continue;
    std::cout << GetParam() << ": after " << runs << " runs: " << wrong << "\n";
    return;
  }
  FAIL() << "nobody misses it in " << runs << " runs";
}

INSTANTIATE_TEST_SUITE_P(Syncs, MutantsTest, testing::ValuesIn(kMutants),
                         [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace swarm::standalone
