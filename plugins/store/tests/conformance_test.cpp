#include "conformance/store_suite.h"
#include "store_impl.h"

namespace swarm::conformance {
namespace {

INSTANTIATE_TEST_SUITE_P(Plugin, StoreSuite,
                         testing::Values(StoreFactory{
                             "store", [](Runtime& runtime, Consensus& consensus) {
                               return std::make_unique<HandleOf<store::StoreImpl>>(
                                   runtime, consensus, Logger());
                             }}));

}  // namespace
}  // namespace swarm::conformance
