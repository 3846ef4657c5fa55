#include "conformance/proxy_suite.h"
#include "raft_proxy.h"

namespace swarm::conformance {
namespace {

const ProxyFactory kRaft{"raft", [](Consensus& consensus, Runtime& runtime) {
                           proxy_raft::ProxyParts parts;
                           parts.runtime = &runtime;
                           parts.consensus = &consensus;
                           return std::make_unique<proxy_raft::RaftProxy>(std::move(parts));
                         }};
INSTANTIATE_TEST_SUITE_P(Raft, ProxySuite, testing::Values(kRaft));

}  // namespace
}  // namespace swarm::conformance
