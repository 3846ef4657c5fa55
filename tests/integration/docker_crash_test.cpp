// swarmd is killed again and again while its tasks are containers of a real engine.
#include "crash_loop.h"
#include "docker_rig.h"

namespace swarm::test {
namespace {

TEST(DockerCrashTest, KilledManagersKeepWhatTheyAcknowledgedAndWhatRuns) {
  if (const auto reason = DockerEngine::Unavailable()) GTEST_SKIP() << *reason;
  DockerRig rig;
  Reality reality;
  reality.running = [&](const std::string& service) { return rig.Running(service); };
  reality.left = [&] { return rig.TaskContainers(); };
  reality.wrong = [&] {
    const auto doubled = rig.Doubled();
    return doubled.empty() ? "" : "two containers of task " + *doubled.begin();
  };
  reality.create = [](const std::string& service, int replicas) {
    return CreateService(service, replicas);
  };
  CrashLoop(
      rig.manager, [&] { return rig.StartManager(); }, reality)
      .Run();
}

}  // namespace
}  // namespace swarm::test
