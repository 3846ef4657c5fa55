// What one node has been told, and what it must be told next: its tasks from ASSIGNED on, the
// secrets and configs that those up to RUNNING use, and its volumes. Pure: no clock, no calls.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "swarm/store.h"
#include "swarmkit/v1/dispatcher.pb.h"

namespace swarm::dispatcher {

// Whether an agent would see no difference: equal but for status and meta.
bool SameForAgent(const Task& a, const Task& b);

class AssignmentSet {
 public:
  explicit AssignmentSet(std::string node_id) : node_id_(std::move(node_id)) {}

  // Everything the node has, as the changes of a first message.
  void Load(const Reader& reader);

  // `reader` finds the dependencies.
  void OnTask(const Reader& reader, const TaskPtr& task);
  void OnTaskRemoved(const Task& task);
  void OnVolume(const Reader& reader, const pb::Volume& volume);

  bool has_changes() const { return !changes_.empty(); }
  // Moves the changes into `out`: dependencies before the tasks that use them.
  void TakeChanges(pb::AssignmentsMessage* out);
  // For peers of the older protocol, which are sent all tasks each time.
  void TakeAllTasks(pb::TasksMessage* out);

 private:
  // In the order in which they are sent.
  enum class Type : unsigned char { kSecret, kConfig, kTask, kVolume };
  struct Key {
    Type type;
    std::string id;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  struct Assigned {
    TaskPtr task;
    bool holds = false;  // its dependencies
  };
  struct PublishedVolume {
    pb::VolumePublishStatus::State state;
    std::vector<Key> secrets;  // held
  };
  struct Item {
    bool remove = false;
    std::variant<std::monostate, TaskPtr, std::shared_ptr<const pb::Secret>,
                 std::shared_ptr<const pb::Config>, std::shared_ptr<const pb::VolumeAssignment>>
        content;  // none: only the id is sent
  };

  static std::vector<Key> DependenciesOf(const pb::TaskSpec& spec);
  void Hold(const Reader& reader, const std::vector<Key>& keys);
  void Release(const std::vector<Key>& keys);
  void ReleaseTask(Assigned* assigned);
  void Publish(const Reader& reader, const pb::Volume& volume,
               const pb::VolumePublishStatus& status, PublishedVolume* known);
  static void Fill(const Key& key, Item* item, pb::AssignmentChange* out);

  std::string node_id_;
  std::unordered_map<std::string, Assigned> tasks_;
  std::map<Key, std::uint32_t> users_;  // of secrets and configs
  std::map<std::string, PublishedVolume, std::less<>> volumes_;
  std::map<Key, Item> changes_;
};

}  // namespace swarm::dispatcher
