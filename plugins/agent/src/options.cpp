#include "options.h"

#include <iterator>

namespace swarm::agent {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::int64_t kHour = 3'600'000 * kMillisecond;

}  // namespace

constexpr SettingDescriptor kSettings[] = {
    {"backoff_initial", SettingType::kDuration, "100ms",
     "Added to twice the last bound each time a session fails; the wait is drawn below the bound",
     kMillisecond, kHour},
    {"backoff_maximum", SettingType::kDuration, "8s",
     "Largest bound of the wait before the next session", kMillisecond, kHour},
    {"rpc_timeout", SettingType::kDuration, "5s",
     "How long a manager may take to answer: the first message of a session, a heartbeat",
     kMillisecond, kHour},
    {"describe_interval", SettingType::kDuration, "20s",
     "How often the executor is asked what this node offers", 100 * kMillisecond, 24 * kHour},
    {"retry_initial", SettingType::kDuration, "1s",
     "Wait before an operation that failed for the moment is tried again; doubles each time",
     kMillisecond, kHour},
    {"retry_maximum", SettingType::kDuration, "30s", "Largest such wait", kMillisecond, kHour},
    {"leave_timeout", SettingType::kDuration, "1m",
     "How long a leaving node may take to remove its tasks", kMillisecond, 24 * kHour},
    {"writer_idle", SettingType::kDuration, "1s",
     "How long the thread that writes the task file waits for more before it ends", kMillisecond,
     kHour},
    {"log_buffer", SettingType::kBytes, "1MiB",
     "Output of tasks that waits to be sent, for each client that asked for it; when it is full "
     "reading pauses",
     4 << 10, std::int64_t{1} << 30},
};
constexpr std::size_t kSettingCount = std::size(kSettings);

Options Options::From(const Settings& settings) {
  Options o;
  o.backoff_initial = settings.GetDuration("backoff_initial");
  o.backoff_maximum = settings.GetDuration("backoff_maximum");
  o.rpc_timeout = settings.GetDuration("rpc_timeout");
  o.describe_interval = settings.GetDuration("describe_interval");
  o.retry_initial = settings.GetDuration("retry_initial");
  o.retry_maximum = settings.GetDuration("retry_maximum");
  o.leave_timeout = settings.GetDuration("leave_timeout");
  o.writer_idle = settings.GetDuration("writer_idle");
  o.log_buffer = static_cast<std::size_t>(settings.GetInteger("log_buffer"));
  return o;
}

}  // namespace swarm::agent
