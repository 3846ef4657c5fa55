#include "rpc/grpc_threads.h"

#include <absl/synchronization/mutex.h>

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

namespace swarm::rpc {

void KeepGrpcThreads() {
  // A callback service is what makes a server hold on to the threads. Volatile, so that the pointer
  // really exists and checkers of leaks find it.
  [[maybe_unused]] static grpc::Server* volatile keeper = [] {
    // Debian builds Abseil with its search for lock cycles on: a twentieth of gRPC's time.
    absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
    grpc::ServerBuilder builder;
    builder.RegisterCallbackGenericService(new grpc::CallbackGenericService());
    return builder.BuildAndStart().release();
  }();
}

}  // namespace swarm::rpc
