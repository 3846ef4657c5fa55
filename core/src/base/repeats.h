// Tells what deserves a line in the log from what says the same again and again: somebody who tries
// a thousand times a second would fill the disk.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "swarm/runtime.h"

namespace swarm {

// Threading: one thread at a time.
class Repeats {
 public:
  // The key again within ten seconds of its last line gets none. Otherwise: how often it got none
  // since that line.
  std::optional<std::uint64_t> Line(const std::string& key, SteadyTime now) {
    if (seen_.size() >= kKeys) seen_.clear();
    const auto [found, fresh] = seen_.try_emplace(key, Seen{now, 0});
    if (!fresh && now - found->second.logged < kInterval) {
      ++found->second.since;
      return std::nullopt;
    }
    const std::uint64_t skipped = found->second.since;
    found->second = {now, 0};
    return skipped;
  }

 private:
  static constexpr std::chrono::seconds kInterval{10};
  // Told apart; beyond that the list begins anew.
  static constexpr std::size_t kKeys = 1024;

  struct Seen {
    SteadyTime logged;
    std::uint64_t since = 0;
  };
  std::map<std::string, Seen> seen_;
};

}  // namespace swarm
