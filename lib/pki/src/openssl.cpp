#include "openssl.h"

#include <openssl/err.h>

#include <ctime>

namespace swarm::pki {

Status OpensslError(Code code, std::string_view what) {
  std::string text(what);
  if (const unsigned long error = ERR_peek_last_error(); error != 0) {
    if (const char* reason = ERR_reason_error_string(error)) text += std::string(": ") + reason;
  }
  ERR_clear_error();
  return {code, std::move(text)};
}

WallTime TimeOf(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return WallTime::min();
  const auto seconds = std::chrono::seconds(timegm(&parts));
  // Outside of what nanoseconds can count: as far as they reach.
  if (seconds >= std::chrono::floor<std::chrono::seconds>(Duration::max())) return WallTime::max();
  if (seconds <= std::chrono::ceil<std::chrono::seconds>(Duration::min())) return WallTime::min();
  return WallTime(seconds);
}

}  // namespace swarm::pki
