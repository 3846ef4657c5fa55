// Gives services the small numbers that node counters are kept by, for as long as something of a
// service is counted or the service exists.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "node_state.h"

namespace swarm::scheduler {

// Threading: [loop].
class ServiceNumbers {
 public:
  ServiceNumber Of(const std::string& service_id) { return Get(service_id).number; }
  // A task of the service is counted, or with -1 not any more.
  ServiceNumber Count(const std::string& service_id, int sign) {
    Entry& entry = Get(service_id);
    entry.tasks += sign;
    const ServiceNumber number = entry.number;
    if (entry.removed && entry.tasks == 0) entries_.erase(service_id);
    return number;
  }
  void Removed(const std::string& service_id) {
    const auto found = entries_.find(service_id);
    if (found == entries_.end()) return;
    found->second.removed = true;
    if (found->second.tasks == 0) entries_.erase(found);
  }
  std::size_t SizeForTest() const { return entries_.size(); }

 private:
  struct Entry {
    ServiceNumber number = 0;
    std::int64_t tasks = 0;
    bool removed = false;
  };
  Entry& Get(const std::string& service_id) {
    const auto [entry, added] = entries_.try_emplace(service_id);
    if (added) entry->second.number = next_++;
    return entry->second;
  }

  std::unordered_map<std::string, Entry> entries_;
  ServiceNumber next_ = 0;
};

}  // namespace swarm::scheduler
