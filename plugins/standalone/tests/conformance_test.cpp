#include "conformance/consensus_suite.h"
#include "make_standalone.h"

namespace swarm::conformance {
namespace {

const ConsensusFactory kStandalone{"standalone", &standalone::MakeStandalone};
INSTANTIATE_TEST_SUITE_P(Standalone, ConsensusSuite, testing::Values(kStandalone));
INSTANTIATE_TEST_SUITE_P(Standalone, ConsensusDurabilitySuite, testing::Values(kStandalone));

}  // namespace
}  // namespace swarm::conformance
