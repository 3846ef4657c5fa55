// One write at a time for each service, so that every decision sees what the one before it did.
// Different services do not wait for each other, and share disk writes.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <utility>

#include "swarm/function.h"

namespace swarm::orchestrator {

// Threading: [loop].
class ServiceQueue {
 public:
  // `work` begins once what was added before has called its `release`; it must call its own.
  using Work = Function<void(Function<void()> release)>;

  void Add(const std::string& service_id, Work work) {
    auto& queue = queues_[service_id];
    queue.push_back(std::move(work));
    if (queue.size() == 1) RunFirst(service_id);
  }

 private:
  void RunFirst(const std::string& service_id) {
    // Stays at the front while it runs: the queue's length tells that something does.
    Work& work = queues_.find(service_id)->second.front();
    Work running = std::move(work);
    running([this, service_id] { Release(service_id); });
  }
  void Release(const std::string& service_id) {
    const auto found = queues_.find(service_id);
    found->second.pop_front();
    if (found->second.empty()) {
      queues_.erase(found);
    } else {
      RunFirst(service_id);
    }
  }

  std::map<std::string, std::deque<Work>> queues_;
};

}  // namespace swarm::orchestrator
