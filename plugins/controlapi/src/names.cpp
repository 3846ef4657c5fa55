#include "names.h"

#include <algorithm>

#include "errors.h"

namespace swarm::controlapi {
namespace {

bool IsAlnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// Letters and digits, and inside also `inner`.
bool Fits(std::string_view name, std::string_view inner) {
  return !name.empty() && IsAlnum(name.front()) && IsAlnum(name.back()) &&
         std::all_of(name.begin(), name.end(), [inner](char c) {
           return IsAlnum(c) || inner.find(c) != std::string_view::npos;
         });
}

}  // namespace

Status CheckName(std::string_view name) {
  constexpr std::size_t kLongest = 63;
  if (name.empty()) return Invalid("meta: name must be provided");
  if (!Fits(name, "-_")) return Invalid("name must be valid as a DNS name component");
  if (name.size() > kLongest) return Invalid("name must be 63 characters or fewer");
  return Status::Ok();
}

Status CheckSecretName(std::string_view name) {
  constexpr std::size_t kLongest = 64;
  if (name.empty()) return Invalid("name must be provided");
  if (name.size() > kLongest || !Fits(name, "-_.")) {
    return Invalid(
        "invalid name, only 64 [a-zA-Z0-9-_.] characters allowed, and the start and end character "
        "must be [a-zA-Z0-9]");
  }
  return Status::Ok();
}

}  // namespace swarm::controlapi
