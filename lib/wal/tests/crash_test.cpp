// Crashes in the middle of everything, and what happens when a sync is forgotten.
#include <cstdlib>
#include <map>
#include <optional>

#include "log_fixture.h"

namespace swarm::wal {
namespace {

// What the log was doing when it synced.
enum class Phase { kNone, kOpening, kAppending, kUndoing, kMarking };

class CrashRun : public LogFixture {
 public:
  CrashRun(std::uint64_t seed, Phase forgotten) : LogFixture(seed), forgotten_(forgotten) {
    options_.segment_bytes = 8 << 10;
    options_.zero_ahead_bytes = 2 << 10;
    disk().OnSync([this](std::uint64_t, std::string_view path) {
      ++syncs_in_call_;
      if (crash_at_ && *crash_at_ == syncs_in_call_ - 1) {
        crashed_ = true;
        machine_.Crash();
      }
      return !(forgotten_ != Phase::kNone && phase_ == forgotten_ && path.ends_with(".wal"));
    });
  }
  void TestBody() override {}

  // The first thing that went wrong; empty: nothing.
  std::string Run() {
    Status status = Create();
    if (!status.ok()) return status.ToString();
    for (int round = 0; round < 12; ++round) {
      status = Call(Phase::kOpening, [&] { return Open(); });
      if (crashed_) continue;
      if (!status.ok()) {
        return "open: " + status.ToString();
      }
      if (std::string wrong = Check(); !wrong.empty()) return wrong;
      Live();
      if (!crashed_) Crash();
    }
    return "";
  }

  std::uint64_t torn() { return disk().torn_writes(); }
  std::uint64_t repaired = 0;
  std::uint64_t full = 0;

 private:
  std::uint64_t Pick(std::uint64_t limit) { return simulation_.random().Below(limit); }

  template <class Fn>
  Status Call(Phase phase, Fn fn) {
    phase_ = phase;
    syncs_in_call_ = 0;
    crashed_ = false;
    crash_at_.reset();
    if (Pick(6) == 0) crash_at_ = Pick(3);
    Status status = fn();
    phase_ = Phase::kNone;
    crash_at_.reset();
    if (crashed_) storage_.reset();
    return status;
  }

  std::string Check() {
    if (!storage_->contents.broken_copy.empty()) ++repaired;
    if (entries().size() < acknowledged_) {
      return std::to_string(entries().size()) + " entries of " + std::to_string(acknowledged_);
    }
    for (std::size_t i = 0; i < entries().size(); ++i) {
      const auto wanted = written_.find(i + 1);
      if (wanted == written_.end() || entries()[i].data != wanted->second) {
        return "entry " + std::to_string(i + 1) + " is not what was written";
      }
    }
    acknowledged_ = entries().size();
    return "";
  }

  void Live() {
    const std::uint64_t calls = Pick(12);
    for (std::uint64_t i = 0; i < calls && !crashed_; ++i) {
      if (Pick(3) == 0) log().Prepare(1 + Pick(1500));
      if (Pick(8) == 0) {
        static_cast<void>(Call(Phase::kMarking, [&] {
          return log().MarkSnapshot({Index(0), Term(0)}, {});
        }));
        continue;
      }
      const bool tight = Pick(5) == 0;
      if (tight) disk().SetCapacity(0);
      const Phase phase = tight ? Phase::kUndoing : Phase::kAppending;
      const Status status = Call(phase, [&] { return AppendSome(); });
      disk().SetCapacity(UINT64_MAX);
      if (crashed_) return;
      if (status.ok()) acknowledged_ = log().last_index().value();
      if (status.code() == Code::kResourceExhausted) ++full;
      if (!status.ok() && status.code() != Code::kResourceExhausted) return;
    }
  }

  Status AppendSome() {
    std::vector<EntryView> views;
    const std::uint64_t first = log().last_index().value() + 1;
    const std::uint64_t count = 1 + Pick(4);
    for (std::uint64_t i = first; i < first + count; ++i) {
      written_[i] = DataOf(i, Pick(1500)) + std::to_string(++serial_);
      views.push_back({Term(1), Index(i), EntryType::kNormal, written_[i], {}});
    }
    return log().Append({Term(1), RaftId(7), Index(first + count - 1)}, views, true);
  }

  const Phase forgotten_;
  Phase phase_ = Phase::kNone;
  std::uint64_t syncs_in_call_ = 0;
  std::optional<std::uint64_t> crash_at_;
  bool crashed_ = false;
  std::map<std::uint64_t, std::string> written_;
  std::uint64_t acknowledged_ = 0;
  std::uint64_t serial_ = 0;
};

TEST(CrashTest, NothingAcknowledgedIsLostAndNothingDamagedIsRead) {
  std::uint64_t torn = 0;
  std::uint64_t repaired = 0;
  std::uint64_t full = 0;
  const std::uint64_t seeds = std::getenv("SWARM_SOAK") != nullptr ? 100'000 : 500;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    CrashRun run(seed, Phase::kNone);
    ASSERT_EQ(run.Run(), "") << "seed " << seed;
    torn += run.torn();
    repaired += run.repaired;
    full += run.full;
  }
  std::cout << "torn writes " << torn << ", torn ends repaired " << repaired << ", disk full "
            << full << "\n";
  EXPECT_GT(torn, 0U);
  EXPECT_GT(repaired, 0U);
  EXPECT_GT(full, 0U);
}

class ForgottenSyncTest : public testing::TestWithParam<Phase> {};

TEST_P(ForgottenSyncTest, IsNoticed) {
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    const std::string wrong = CrashRun(seed, GetParam()).Run();
    if (wrong.empty()) continue;
    std::cout << "seed " << seed << ": " << wrong << "\n";
    return;
  }
  FAIL() << "nobody misses it";
}

INSTANTIATE_TEST_SUITE_P(Phases, ForgottenSyncTest,
                         testing::Values(Phase::kOpening, Phase::kAppending, Phase::kUndoing,
                                         Phase::kMarking));

}  // namespace
}  // namespace swarm::wal
