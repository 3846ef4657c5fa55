// Between gRPC's types and ours, for the few files that know gRPC.
#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>
#include <grpcpp/support/status.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "swarm/rpc.h"

namespace swarm::rpc {

// One copy of the content.
inline Payload ToPayload(const grpc::ByteBuffer& buffer) {
  grpc::Slice single;
  if (buffer.TrySingleSlice(&single).ok()) {
    return Payload::FromBytes(
        std::string(reinterpret_cast<const char*>(single.begin()), single.size()));
  }
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (!buffer.Dump(&slices).ok()) return Payload();
  bytes.reserve(buffer.Length());
  for (const auto& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return Payload::FromBytes(std::move(bytes));
}

// No copy beyond serialising: the buffer keeps the string.
inline grpc::ByteBuffer ToBuffer(const Payload& payload) {
  auto* bytes = new std::string(payload.Bytes());
  grpc::Slice slice(
      bytes->data(), bytes->size(), [](void* kept) { delete static_cast<std::string*>(kept); },
      bytes);
  return {&slice, 1};
}

inline grpc::Status ToGrpc(const Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return {static_cast<grpc::StatusCode>(status.code()), status.message()};
}

inline Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return Status::Ok();
  const auto code = static_cast<int>(status.error_code());
  const bool known = code > 0 && code <= static_cast<int>(Code::kUnauthenticated);
  return {known ? static_cast<Code>(code) : Code::kUnknown, status.error_message()};
}

}  // namespace swarm::rpc
