// Move-only callables, for callbacks that own what they capture.
#pragma once

#include <absl/functional/any_invocable.h>

namespace swarm {

template <class Signature>
using Function = absl::AnyInvocable<Signature>;

}  // namespace swarm
