
#include "conformance/executor_suite.h"
#include "process_rig.h"

namespace swarm::executor_process {
namespace {

using conformance::ExecutorFactory;
using conformance::ExecutorSuite;
INSTANTIATE_TEST_SUITE_P(Process, ExecutorSuite,
                         testing::Values(ExecutorFactory{
                             "process", [] { return std::make_unique<ProcessRig>(); }}));

}  // namespace
}  // namespace swarm::executor_process
