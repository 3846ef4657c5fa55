// Gathers what nodes report and writes it in batches: at once when nothing is under way, else what
// has gathered since. Of one object only the newest report is kept.
// Threading: [loop].
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "component/poster.h"
#include "swarm/log.h"
#include "swarm/runtime.h"
#include "swarm/store.h"

namespace swarm::dispatcher {

struct NodeReport {
  pb::NodeStatus::State state = pb::NodeStatus::UNKNOWN;
  std::string message;
  std::string address;                                     // empty: as it was
  std::shared_ptr<const pb::NodeDescription> description;  // null: as it was
};

// A stored value that a report would not change: of equal content, whenever it was made.
bool SameReport(const Task& task, const pb::TaskStatus& report);

class WriteQueue : public std::enable_shared_from_this<WriteQueue> {
 public:
  struct Parts {
    Loop& loop;
    component::Poster post;
    const Clock& clock;
    Logger log;
    WriterPtr writer;
    std::string leader_node_id;
    Duration interval;
  };
  explicit WriteQueue(Parts parts) : parts_(std::move(parts)) {}

  using Durable = Function<void(const Status&)>;

  // `done`, which may be empty, runs on the loop once the report is durable or lost.
  void ReportNode(const std::string& node_id, NodeReport report, Durable done = nullptr);
  void ReportTask(const std::string& task_id, pb::TaskStatus status);
  void ReportUnpublished(const std::string& volume_id, const std::string& node_id);
  bool has_pending_task(const std::string& task_id) const {
    return pending_.tasks.contains(task_id);
  }

  // Drops what is pending; nothing is called back any more, except for outcomes of nodes' reports,
  // which all fail with `why`.
  void Stop(const Status& why);

 private:
  struct Pending {
    std::unordered_map<std::string, NodeReport> nodes;
    std::unordered_map<std::string, pb::TaskStatus> tasks;
    std::unordered_map<std::string, std::unordered_set<std::string>> volumes;  // to their nodes
    std::vector<Durable> waiting;
    bool empty() const { return nodes.empty() && tasks.empty() && volumes.empty(); }
  };
  struct Flight;

  void Schedule();
  void Flush();
  void OnFlushed(const Status& status);

  Parts parts_;
  Pending pending_;
  std::vector<Durable> in_flight_;
  bool busy_ = false;
  bool stopped_ = false;
  std::optional<SteadyTime> last_flush_;
  std::unique_ptr<Timer> timer_;
};

}  // namespace swarm::dispatcher
