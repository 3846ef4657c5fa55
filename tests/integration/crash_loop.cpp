#include "crash_loop.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>
#include <iostream>
#include <iterator>
#include <sstream>

namespace swarm::test {
namespace {

constexpr int kAbsent = -1;
constexpr std::size_t kServices = 6;

std::uint64_t Seed() {
  const char* given = std::getenv("SWARM_SEED");
  return given != nullptr ? std::stoull(given) : std::random_device()();
}

int Rounds() { return std::getenv("SWARM_SOAK") != nullptr ? 200 : 10; }

// Replicas asked for, by name, as `service ls` lists them.
std::map<std::string, int> Listed(Manager& manager) {
  std::map<std::string, int> out;
  std::istringstream lines(manager.Ctl({"service", "ls"}).out);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    const std::vector<std::string> f{std::istream_iterator<std::string>(words), {}};
    if (f.size() < 4 || f[0].size() != 25) continue;
    const std::size_t slash = f[3].find('/');
    if (slash != std::string::npos) out[f[1]] = std::stoi(f[3].substr(slash + 1));
  }
  return out;
}

}  // namespace

CrashLoop::CrashLoop(Manager& manager, std::function<bool()> start, Reality reality)
    : manager_(manager), start_(std::move(start)), reality_(std::move(reality)) {}

void CrashLoop::Run() {
  const std::uint64_t seed = Seed();
  std::cout << "seed " << seed << " (SWARM_SEED=" << seed << " replays it)\n";
  random_.seed(seed);
  ASSERT_TRUE(start_()) << manager_.log();
  // One that nobody touches: its tasks must never be restarted.
  ASSERT_EQ(manager_.Ctl(reality_.create("steady", 3)).code, 0);
  ASSERT_TRUE(Eventually([&] { return reality_.running("steady").size() == 3; })) << manager_.log();
  ASSERT_TRUE(Eventually([&] { return manager_.TasksIn("RUNNING") == 3; })) << manager_.log();
  const auto steady = reality_.running("steady");

  for (int round = 0; round < Rounds(); ++round) {
    Load(std::chrono::milliseconds(Below(800)));
    ASSERT_EQ(reality_.running("steady"), steady) << "after kill " << round;
    ASSERT_EQ(reality_.wrong(), "") << "after kill " << round;
    ASSERT_TRUE(start_()) << manager_.log();
    ASSERT_EQ(reality_.wrong(), "") << "after start " << round;
  }
  ExpectSettled();
  EXPECT_EQ(reality_.running("steady"), steady) << "tasks were restarted needlessly";
  EXPECT_EQ(reality_.wrong(), "");
  RemoveEverything();
  std::cout << "kills " << Rounds() << ", changes acknowledged " << acknowledged_
            << ", without an answer " << unanswered_ << "\n";
  EXPECT_GT(acknowledged_, 0) << "nothing was put at stake";
}

void CrashLoop::Load(std::chrono::milliseconds until_kill) {
  // Killed from a process of its own, so in the middle of whatever is going on.
  const double seconds = std::chrono::duration<double>(until_kill).count();
  Process killer({"sh", "-c",
                  "sleep " + std::to_string(seconds) + "; kill -KILL " +
                      std::to_string(manager_.process().pid())},
                 manager_.folder() / "killer.log");
  while (manager_.process().running()) OneChange();
  EXPECT_EQ(manager_.process().Wait(), 128 + SIGKILL) << manager_.log();
  killer.Wait();
}

void CrashLoop::OneChange() {
  if (services_.size() < kServices || Below(3) == 0) {
    const std::string name = "s" + std::to_string(next_++);
    const int replicas = Below(3);
    services_[name].replicas = {kAbsent};
    return Record(name, replicas, manager_.Ctl(reality_.create(name, replicas)));
  }
  auto chosen = services_.begin();
  std::advance(chosen, Below(static_cast<int>(services_.size())));
  const std::string name = chosen->first;
  if (Below(2) == 0) {
    const int replicas = Below(4);
    return Record(
        name, replicas,
        manager_.Ctl({"service", "update", name, "--replicas", std::to_string(replicas)}));
  }
  Record(name, kAbsent, manager_.Ctl({"service", "remove", name}));
}

void CrashLoop::Record(const std::string& service, int replicas, const Finished& finished) {
  Expected& expected = services_[service];
  if (finished.code == 0) {
    ++acknowledged_;
    expected.replicas = {replicas};
    if (replicas == kAbsent) services_.erase(service);
  } else if (finished.err.find("not found") != std::string::npos) {
    // An earlier call without an answer had been done.
    EXPECT_TRUE(expected.replicas.contains(kAbsent)) << service << ": " << finished.err;
    services_.erase(service);
  } else if (expected.replicas != std::set<int>{replicas}) {
    ++unanswered_;
    expected.replicas.insert(replicas);
  }
}

bool CrashLoop::IsAsExpected(const std::string& service, const Expected& expected) {
  const auto listed = Listed(manager_);
  const auto found = listed.find(service);
  const int replicas = found == listed.end() ? kAbsent : found->second;
  const std::size_t running = reality_.running(service).size();
  return expected.replicas.contains(replicas) &&
         running == static_cast<std::size_t>(std::max(replicas, 0));
}

void CrashLoop::ExpectSettled() {
  services_["steady"].replicas = {3};
  for (const auto& [service, expected] : services_) {
    EXPECT_TRUE(Eventually([&] { return IsAsExpected(service, expected); }, 60s))
        << service << ": " << testing::PrintToString(expected.replicas) << " expected, "
        << reality_.running(service).size() << " run\n"
        << manager_.Ctl({"service", "ls"}).out << manager_.Ctl({"task", "ls"}).out
        << manager_.log();
  }
  std::size_t all = 0;
  for (const auto& [service, replicas] : Listed(manager_)) {
    EXPECT_TRUE(services_.contains(service)) << service << " was removed and is back";
    all += static_cast<std::size_t>(replicas);
  }
  EXPECT_TRUE(Eventually([&] { return manager_.TasksIn("RUNNING") == static_cast<int>(all); }))
      << manager_.Ctl({"task", "ls"}).out;
}

void CrashLoop::RemoveEverything() {
  for (const auto& [service, replicas] : Listed(manager_)) {
    EXPECT_EQ(manager_.Ctl({"service", "remove", service}).code, 0);
  }
  EXPECT_TRUE(Eventually([&] { return reality_.left() == 0; }, 60s))
      << reality_.left() << " are left behind\n"
      << manager_.log();
}

}  // namespace swarm::test
