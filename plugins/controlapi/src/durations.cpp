#include "durations.h"

#include <limits>
#include <string>

#include "errors.h"

namespace swarm::controlapi {
namespace {

constexpr std::int64_t kNanosPerSecond = 1'000'000'000;
constexpr std::int64_t kMaxSeconds = 10'000LL * 36'525 * 24 * 36;  // 10,000 years of 365.25 days

Status Malformed(const google::protobuf::Duration& d, std::string_view what) {
  return Plain("duration: seconds:" + std::to_string(d.seconds()) +
               " nanos:" + std::to_string(d.nanos()) + ": " + std::string(what));
}

}  // namespace

Result<Duration> ToDuration(const google::protobuf::Duration& d) {
  const std::int64_t seconds = d.seconds();
  const std::int64_t nanos = d.nanos();
  if (seconds < -kMaxSeconds || seconds > kMaxSeconds) {
    return Malformed(d, "seconds out of range");
  }
  if (nanos <= -kNanosPerSecond || nanos >= kNanosPerSecond) {
    return Malformed(d, "nanos out of range");
  }
  if ((seconds < 0 && nanos > 0) || (seconds > 0 && nanos < 0)) {
    return Malformed(d, "seconds and nanos have different signs");
  }
  std::int64_t total = 0;
  if (__builtin_mul_overflow(seconds, kNanosPerSecond, &total) ||
      __builtin_add_overflow(total, nanos, &total)) {
    return Malformed(d, "out of range for time.Duration");
  }
  return Duration(total);
}

}  // namespace swarm::controlapi
