// What an update of the cluster means for its root certificate: nothing, another key for it, a
// rotation to another root, or the end of a rotation.
#pragma once

#include <optional>

#include "outside.h"
#include "pki/root_ca.h"
#include "swarm/runtime.h"
#include "swarm/status.h"
#include "swarmkit/v1/objects.pb.h"

namespace swarm::controlapi {

namespace pb = ::docker::swarmkit::v1;

// A root that is made when the cluster is to have a new one of its own: once for a request, since
// a transaction may run again.
class FreshRoot {
 public:
  Result<pki::RootCa> Get(WallTime now);

 private:
  std::optional<pki::RootCa> root_;
};

// What the decision is made of besides the objects.
struct RotationParts {
  FreshRoot fresh;
  Answers answers;
};

// The root object after the update. `config` is the wanted one. Errors are SwarmKit's. Where
// external authorities have to be asked first, `answers` has an open question afterwards, and the
// result is Aborted.
Result<pb::RootCA> ChangeRoot(const pb::RootCA& root, const pb::CAConfig& config,
                              RotationParts& parts, WallTime now);

}  // namespace swarm::controlapi
