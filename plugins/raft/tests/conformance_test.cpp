#include "conformance/consensus_suite.h"
#include "make_raft.h"

namespace swarm::conformance {
namespace {

const ConsensusFactory kRaft{"raft", &raft::MakeRaft};
INSTANTIATE_TEST_SUITE_P(Raft, ConsensusSuite, testing::Values(kRaft));
INSTANTIATE_TEST_SUITE_P(Raft, ConsensusDurabilitySuite, testing::Values(kRaft));

}  // namespace
}  // namespace swarm::conformance
