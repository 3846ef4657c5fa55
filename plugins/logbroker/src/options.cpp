#include "options.h"

#include <iterator>

namespace swarm::logbroker {

constexpr SettingDescriptor kSettings[] = {
    {"buffer", SettingType::kBytes, "1MiB",
     "Output that waits for one client that reads slowly; when it is full the agents wait too",
     4 << 10, std::int64_t{1} << 30},
    {"listener_wait", SettingType::kDuration, "2s",
     "How long a request without follow waits for a node that is up but has not asked for requests "
     "yet, as after a change of leader",
     0, 60'000'000'000},
};
constexpr std::size_t kSettingCount = std::size(kSettings);

Options Options::From(const Settings& settings) {
  Options o;
  o.buffer = static_cast<std::size_t>(settings.GetInteger("buffer"));
  o.listener_wait = settings.GetDuration("listener_wait");
  return o;
}

}  // namespace swarm::logbroker
