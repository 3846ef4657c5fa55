#include <algorithm>
#include <utility>

#include "conformance/consensus_suite.h"
#include "swarmkit/v1/raft.pb.h"
#include "swarmkit/v1/snapshot.pb.h"

namespace swarm::conformance {

namespace v1 = docker::swarmkit::v1;

std::string ChangesOf(std::string_view name) {
  v1::InternalRaftRequest request;
  v1::StoreAction* action = request.add_action();
  action->set_action(v1::STORE_ACTION_CREATE);
  action->mutable_node()->set_id(std::string(name));
  return request.SerializeAsString();
}

std::vector<std::string> NamesIn(std::string_view request) {
  v1::InternalRaftRequest parsed;
  if (!parsed.ParseFromArray(request.data(), static_cast<int>(request.size()))) return {"?"};
  std::vector<std::string> names;
  for (const v1::StoreAction& action : parsed.action()) {
    if (!action.has_cluster()) names.push_back(action.node().id());
  }
  return names;
}

std::string ChangesOf(const v1::Cluster& cluster) {
  v1::InternalRaftRequest request;
  v1::StoreAction* action = request.add_action();
  action->set_action(v1::STORE_ACTION_UPDATE);
  *action->mutable_cluster() = cluster;
  return request.SerializeAsString();
}

RecordingState::RecordingState(Runtime& runtime)
    : loop_(runtime.NewLoop("recording", LoopKind::kShared)) {}

void RecordingState::Mistake(std::string what) {
  if (mistake_.empty()) mistake_ = std::move(what);
}

void RecordingState::Remember(ProposalEpoch epoch, Sequence sequence, std::string name) {
  proposed_[{epoch, sequence}] = {std::move(name), nullptr};
}

void RecordingState::Remember(ProposalEpoch epoch, Sequence sequence,
                              std::shared_ptr<const v1::Cluster> cluster) {
  proposed_[{epoch, sequence}] = {"", std::move(cluster)};
}

void RecordingState::TakeCluster(std::string_view request) {
  v1::InternalRaftRequest parsed;
  if (!parsed.ParseFromArray(request.data(), static_cast<int>(request.size()))) return;
  for (const v1::StoreAction& action : parsed.action()) {
    if (action.has_cluster()) cluster_ = std::make_shared<v1::Cluster>(action.cluster());
  }
}

void RecordingState::TakeOwn(const CommittedEntry& entry) {
  const auto found = proposed_.find({entry.epoch, entry.sequence});
  if (entry.epoch != epoch_) Mistake("a given-up proposal was reported as a current one");
  if (found == proposed_.end()) return Mistake("an unknown proposal was reported");
  if (!entry.data.empty()) Mistake("an own proposal came with data");
  if (!leads_) Mistake("an own proposal was reported without leadership");
  if (entry.sequence <= last_own_ && entry.sequence.value() != 1) {
    Mistake("own proposals were reported out of order");
  }
  for (const Refusal& refusal : refusals_) {
    if (refusal.epoch == entry.epoch && entry.sequence >= refusal.first) {
      Mistake("a refused proposal was committed");
    }
  }
  last_own_ = entry.sequence;
  if (found->second.cluster) {
    cluster_ = found->second.cluster;
    return;
  }
  content_.emplace_back(entry.index, found->second.name);
  ++own_committed_;
}

void RecordingState::OnCommitted(std::vector<CommittedEntry> entries) noexcept {
  if (silent_) Mistake("OnCommitted after the stop");
  if (entries.empty()) Mistake("OnCommitted without entries");
  for (const CommittedEntry& entry : entries) {
    if (entry.index <= last_index_) Mistake("an index did not rise");
    last_index_ = entry.index;
    if ((entry.epoch.value() == 0) != (entry.sequence.value() == 0)) {
      Mistake("epoch and sequence must both be 0, or neither");
    }
    if (entry.epoch.value() != 0) {
      TakeOwn(entry);
    } else if (!entry.data.empty()) {
      for (std::string& name : NamesIn(entry.data)) {
        content_.emplace_back(entry.index, std::move(name));
      }
      TakeCluster(entry.data);
    }
  }
}

void RecordingState::OnRestore(StoreImage image) noexcept {
  if (silent_) Mistake("OnRestore after the stop");
  v1::StoreSnapshot snapshot;
  if (!snapshot.ParseFromString(image.data)) Mistake("a snapshot does not parse");
  content_.clear();
  for (const v1::Node& node : snapshot.nodes()) {
    content_.emplace_back(Index(node.meta().version().index()), node.id());
  }
  cluster_.reset();
  for (const v1::Cluster& cluster : snapshot.clusters()) {
    cluster_ = std::make_shared<v1::Cluster>(cluster);
  }
  last_index_ = image.index;
  ++restores_;
}

void RecordingState::OnLeader(LeaderEpoch epoch, Index commit) noexcept {
  if (silent_) Mistake("OnLeader after the stop");
  if (leads_) Mistake("OnLeader while leading");
  if (epoch <= leadership_) Mistake("the leader epoch did not rise");
  if (commit != last_index_) Mistake("OnLeader before everything committed was passed on");
  leads_ = true;
  leadership_ = epoch;
  commit_at_leader_ = commit;
  ++times_leader_;
}

void RecordingState::OnFollower() noexcept {
  if (silent_) Mistake("OnFollower after the stop");
  if (!leads_) Mistake("OnFollower without leadership");
  leads_ = false;
  ++times_follower_;
}

void RecordingState::OnRefused(ProposalEpoch epoch, Sequence first, Status why) noexcept {
  if (silent_) Mistake("OnRefused after the stop");
  if (why.ok() || why.message().empty()) Mistake("a refusal gives no reason");
  refusals_.push_back({epoch, first, std::move(why)});
}

void RecordingState::Capture(Function<void(Result<StoreImage>)> done) noexcept {
  if (silent_) Mistake("Capture after the stop");
  ++captures_;
  v1::StoreSnapshot snapshot;
  for (const auto& [index, name] : content_) {
    v1::Node* node = snapshot.add_nodes();
    node->set_id(name);
    node->mutable_meta()->mutable_version()->set_index(index.value());
  }
  if (cluster_) *snapshot.add_clusters() = *cluster_;
  loop_->Post([image = StoreImage{last_index_, snapshot.SerializeAsString()},
               done = std::move(done)]() mutable { done(std::move(image)); });
}

std::vector<std::string> RecordingState::Names() const {
  std::vector<std::string> names;
  for (const auto& [index, name] : content_) names.push_back(name);
  return names;
}

}  // namespace swarm::conformance
