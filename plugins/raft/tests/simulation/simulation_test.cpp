// Raft groups under faults. SWARM_RAFT_SEED runs one seed only, SWARM_SOAK a million.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <iostream>

#include "simulation.h"

namespace swarm::raft::testing {
namespace {

std::uint64_t Seeds() { return std::getenv("SWARM_SOAK") ? 1'000'000 : 600; }

SimulationResult RunSeed(std::uint64_t seed, Fault fault = Fault::kNone,
                         ProfileFault profile_fault = ProfileFault::kNone) {
  SimulationOptions options;
  options.seed = seed;
  options.fault = fault;
  options.profile_fault = profile_fault;
  return Simulation(options).Run();
}

TEST(RaftSimulationTest, KeepsItsPromisesUnderFaults) {
  if (const char* seed = std::getenv("SWARM_RAFT_SEED")) {
    const SimulationResult result = RunSeed(std::strtoull(seed, nullptr, 10));
    EXPECT_EQ(result.violation + result.stuck, "");
    return;
  }
  const auto begin = std::chrono::steady_clock::now();
  const std::clock_t processor = std::clock();
  Counters total;
  const std::uint64_t seeds = Seeds();
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const SimulationResult result = RunSeed(seed);
    ASSERT_EQ(result.violation + result.stuck, "") << "replay with SWARM_RAFT_SEED=" << seed;
    EXPECT_GE(result.counters.steps, 2000u);
    EXPECT_GE(result.counters.acknowledged, 50u);
    EXPECT_GE(result.counters.faults(), 5u);
    total.Add(result.counters);
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  const double busy = static_cast<double>(std::clock() - processor) / CLOCKS_PER_SEC;
  const auto a_minute = [seeds](double seconds) {
    return static_cast<std::uint64_t>(static_cast<double>(seeds) * 60 / seconds);
  };
  std::cout << "seeds: " << seeds << ", a minute: " << a_minute(took.count())
            << ", of a processor's time: " << a_minute(busy) << "\n";
  for (const auto& [name, member] : Counters::kAll) {
    std::cout << name << ": " << total.*member << "\n";
    EXPECT_GT(total.*member, 0u) << name << " never happened";
  }
}

TEST(RaftSimulationTest, SeedsReplayExactly) {
  for (const std::uint64_t seed : {1, 2, 3, 17, 4711}) {
    const SimulationResult first = RunSeed(seed);
    const SimulationResult second = RunSeed(seed);
    EXPECT_EQ(first.trace, second.trace) << "seed " << seed;
    EXPECT_EQ(first.counters, second.counters) << "seed " << seed;
  }
  EXPECT_NE(RunSeed(1).trace, RunSeed(2).trace);
}

// Each of these faults is planted in the core; a simulation that misses one proves nothing.
class PlantedFaultTest : public ::testing::TestWithParam<Fault> {};

TEST_P(PlantedFaultTest, IsCaught) {
  constexpr std::uint64_t kSeeds = 3000;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    // One that only gets stuck does not count.
    const std::string violation = RunSeed(seed, GetParam()).violation;
    if (violation.empty()) continue;
    std::cout << "caught with seed " << seed << ": " << violation << "\n";
    return;
  }
  FAIL() << "not caught with " << kSeeds << " seeds";
}

INSTANTIATE_TEST_SUITE_P(All, PlantedFaultTest,
                         ::testing::Values(Fault::kCommitsEarlierTerms, Fault::kForgetsVote,
                                           Fault::kIgnoresCandidatesLog, Fault::kSaysBeforeWritten,
                                           Fault::kLeadsBeforeWritten, Fault::kChangesTogether,
                                           Fault::kTrustsItsLeadership));

// The same of the leader that keeps the group's timing profile.
class PlantedProfileFaultTest : public ::testing::TestWithParam<ProfileFault> {};

TEST_P(PlantedProfileFaultTest, IsCaught) {
  constexpr std::uint64_t kSeeds = 1000;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const std::string violation = RunSeed(seed, Fault::kNone, GetParam()).violation;
    if (violation.empty()) continue;
    std::cout << "caught with seed " << seed << ": " << violation << "\n";
    return;
  }
  FAIL() << "not caught with " << kSeeds << " seeds";
}

INSTANTIATE_TEST_SUITE_P(All, PlantedProfileFaultTest,
                         ::testing::Values(ProfileFault::kRelaxesEarly, ProfileFault::kHurriesLate,
                                           ProfileFault::kAddsUnasked));

}  // namespace
}  // namespace swarm::raft::testing
