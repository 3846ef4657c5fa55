// gRPC's threads for callbacks, kept for the life of the process.
#pragma once

namespace swarm::rpc {

// gRPC ends these threads with the last channel and server, waiting for them; when one of their own
// callbacks drops the last channel, it waits for itself and then uses what it has freed. So the
// first call here makes a server without any port, which is never destroyed.
// Threading: [any].
void KeepGrpcThreads();

}  // namespace swarm::rpc
