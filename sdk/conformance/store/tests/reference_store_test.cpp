#include "fakes/reference_store.h"
#include "conformance/store_suite.h"

namespace swarm::conformance {
namespace {

INSTANTIATE_TEST_SUITE_P(Reference, StoreSuite,
                         testing::Values(StoreFactory{
                             "reference", [](Runtime& runtime, Consensus& consensus) {
                               return std::make_unique<HandleOf<fakes::ReferenceStore>>(runtime,
                                                                                        consensus);
                             }}));

}  // namespace
}  // namespace swarm::conformance
