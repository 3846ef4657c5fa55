// The store's errors, whose texts travel to clients.
#pragma once

#include <string_view>

#include "swarm/status.h"

namespace swarm::store_errors {

inline constexpr std::string_view kExist = "object already exists";
inline constexpr std::string_view kNotExist = "object does not exist";
inline constexpr std::string_view kNameConflict = "name conflicts with an existing object";
inline constexpr std::string_view kSequenceConflict = "update out of sequence";
inline constexpr std::string_view kInvalidFindBy = "invalid find argument type";
inline constexpr std::string_view kNoKind = "object kind is unregistered";
inline constexpr std::string_view kExtensionImmutable = "extensions are immutable";
inline constexpr std::string_view kLostLeader =
    "raft: failed to process the request: node lost leader status";
inline constexpr std::string_view kStopped = "raft: failed to process the request: node is stopped";
inline constexpr std::string_view kTooLarge = "raft: raft message is too large and can't be sent";

inline Status Make(std::string_view text) { return {Code::kUnknown, std::string(text)}; }
inline bool Is(const Status& status, std::string_view text) {
  return !status.ok() && status.message() == text;
}

}  // namespace swarm::store_errors
