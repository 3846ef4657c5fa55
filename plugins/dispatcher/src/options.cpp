#include "options.h"

#include <iterator>

namespace swarm::dispatcher {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::int64_t kHour = 3'600'000 * kMillisecond;

}  // namespace

constexpr SettingDescriptor kSettings[] = {
    {"heartbeat_period", SettingType::kDuration, "5s",
     "How often agents report that they are alive, unless the cluster's own setting says otherwise",
     100 * kMillisecond, kHour},
    {"heartbeat_epsilon", SettingType::kDuration, "500ms",
     "Each period handed out differs by up to this much, so that agents spread out; at most half a "
     "period counts",
     0, kHour},
    {"grace_multiplier", SettingType::kInteger, "3",
     "Periods without a heartbeat after which a node counts as down", 1, 1000},
    {"unknown_grace_multiplier", SettingType::kInteger, "6",
     "The same for nodes that have not yet come back after a change of leader", 1, 1000},
    {"rate_limit_window", SettingType::kDuration, "8s",
     "Time within which the registrations of one node are counted", kMillisecond, 24 * kHour},
    {"rate_limit_attempts", SettingType::kInteger, "3",
     "Registrations of one node allowed within the window; 0 for any number", 0, 1'000'000},
    {"flush_interval", SettingType::kDuration, "10ms",
     "Least time between two writes of what agents reported; the first report is written at once, "
     "and while a write is under way later ones gather",
     0, 60'000 * kMillisecond},
    {"assignment_interval", SettingType::kDuration, "20ms",
     "Least time between two messages on one assignment stream; the first change is sent at once, "
     "later ones gather",
     0, 60'000 * kMillisecond},
    {"orphan_after", SettingType::kDuration, "24h",
     "Time after which the tasks of a node that is down are given up as orphaned", kMillisecond,
     10'000 * kHour},
    {"manager_poll", SettingType::kDuration, "1s",
     "How often the list of managers is compared with what agents were told", kMillisecond, kHour},
    {"manager_weight", SettingType::kInteger, "10",
     "Weight given to each manager in the list that agents choose from", 1, 1'000'000},
};
constexpr std::size_t kSettingCount = std::size(kSettings);

Options Options::From(const Settings& settings) {
  Options o;
  o.heartbeat_period = settings.GetDuration("heartbeat_period");
  o.heartbeat_epsilon = settings.GetDuration("heartbeat_epsilon");
  o.grace_multiplier = settings.GetInteger("grace_multiplier");
  o.unknown_grace_multiplier = settings.GetInteger("unknown_grace_multiplier");
  o.rate_limit_window = settings.GetDuration("rate_limit_window");
  o.rate_limit_attempts = settings.GetInteger("rate_limit_attempts");
  o.flush_interval = settings.GetDuration("flush_interval");
  o.assignment_interval = settings.GetDuration("assignment_interval");
  o.orphan_after = settings.GetDuration("orphan_after");
  o.manager_poll = settings.GetDuration("manager_poll");
  o.manager_weight = settings.GetInteger("manager_weight");
  return o;
}

}  // namespace swarm::dispatcher
