#include "conformance/proxy_suite.h"
#include "direct_proxy.h"

namespace swarm::conformance {
namespace {

const ProxyFactory kDirect{"direct", [](Consensus& consensus, Runtime&) {
                             return std::make_unique<proxy_direct::DirectProxy>(consensus);
                           }};
INSTANTIATE_TEST_SUITE_P(Direct, ProxySuite, testing::Values(kDirect));

}  // namespace
}  // namespace swarm::conformance
