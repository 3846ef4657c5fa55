#include "rpc/call_target.h"

namespace swarm {

CallTarget::~CallTarget() = default;

}  // namespace swarm
