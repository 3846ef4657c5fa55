// swarmd is killed again and again while its tasks are processes.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "crash_loop.h"

namespace swarm::test {
namespace {

// Processes whose command line is `sleep` and this test's mark for the service.
class SleepingProcesses {
 public:
  // A number of seconds that nobody else sleeps for.
  std::string Mark(const std::string& service) {
    const auto [found, fresh] = marks_.emplace(service, "");
    if (fresh)
      found->second =
          std::to_string(1'000'000 + getpid()) + "." + std::to_string(100 + marks_.size());
    return found->second;
  }
  std::set<std::string> Running(const std::string& service) { return WithMark(Mark(service)); }
  std::size_t All() { return WithMark(std::to_string(1'000'000 + getpid()) + ".").size(); }

 private:
  static std::set<std::string> WithMark(const std::string& mark) {
    std::set<std::string> pids;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      const std::string line = ReadText(entry.path() / "cmdline");
      const std::string words = std::string("sleep") + '\0' + mark;
      if (line.starts_with(words)) pids.insert(entry.path().filename());
    }
    return pids;
  }
  std::map<std::string, std::string> marks_;
};

TEST(ProcessCrashTest, KilledManagersKeepWhatTheyAcknowledgedAndWhatRuns) {
  Manager manager;
  SleepingProcesses processes;
  Reality reality;
  reality.running = [&](const std::string& service) { return processes.Running(service); };
  reality.left = [&] { return processes.All(); };
  reality.wrong = [] { return ""; };
  reality.create = [&](const std::string& service, int replicas) {
    return std::vector<std::string>{
        "service",         "create", "--name",     service,
        "--image",         "any",    "--replicas", std::to_string(replicas),
        "--restart-delay", "100ms",  "--args",     "sleep," + processes.Mark(service)};
  };
  CrashLoop(
      manager,
      [&] {
        return manager.Start({"--executor", "process"});
      },
      reality)
      .Run();
}

}  // namespace
}  // namespace swarm::test
