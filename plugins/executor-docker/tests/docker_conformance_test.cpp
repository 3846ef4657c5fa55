#include "conformance/executor_suite.h"
#include "docker_rig.h"

namespace swarm::executor_docker {
namespace {

using conformance::ExecutorFactory;
using conformance::ExecutorSuite;
INSTANTIATE_TEST_SUITE_P(Docker, ExecutorSuite,
                         testing::Values(ExecutorFactory{
                             "docker", [] { return std::make_unique<DockerRig>(); }}));

}  // namespace
}  // namespace swarm::executor_docker
