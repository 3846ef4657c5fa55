// Answers that many methods share. Texts are SwarmKit's.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "swarm/status.h"

namespace swarm::controlapi {

inline Status Invalid(std::string text) { return {Code::kInvalidArgument, std::move(text)}; }
// An id, a version or a spec is missing.
inline Status InvalidRequest() { return Invalid("invalid argument"); }
inline Status NotFound(std::string_view what, std::string_view id) {
  return {Code::kNotFound, std::string(what) + " " + std::string(id) + " not found"};
}
inline Status Precondition(std::string text) {
  return {Code::kFailedPrecondition, std::move(text)};
}
inline Status Unimplemented(std::string text) { return {Code::kUnimplemented, std::move(text)}; }
// Of errors that SwarmKit passes on without giving them a code.
inline Status Plain(std::string text) { return {Code::kUnknown, std::move(text)}; }

}  // namespace swarm::controlapi
