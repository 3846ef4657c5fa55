#include <algorithm>
#include <utility>

#include "hub.h"

namespace swarm::dispatcher {

Payload Assignee::Next() {
  if (tasks_only) {
    pb::TasksMessage message;
    set.TakeAllTasks(&message);
    return Payload::Of(std::move(message));
  }
  pb::AssignmentsMessage message;
  if (sequence == 0) {
    message.set_type(pb::AssignmentsMessage::COMPLETE);
  } else {
    message.set_type(pb::AssignmentsMessage::INCREMENTAL);
    message.set_applies_to(std::to_string(sequence));
  }
  message.set_results_in(std::to_string(++sequence));
  set.TakeChanges(&message);
  return Payload::Of(std::move(message));
}

void NodeRecord::EndStreams(const Status& why) {
  for (auto& feed : std::exchange(sessions, {})) feed->Finish(why);
  for (auto& assignee : std::exchange(assignees, {})) assignee->feed->Finish(why);
}

void Hub::Assignments(ServerStreamPtr stream, const pb::AssignmentsRequest& request) {
  Assign(std::move(stream), request.session_id(), false);
}

void Hub::Tasks(ServerStreamPtr stream, const pb::TasksRequest& request) {
  Assign(std::move(stream), request.session_id(), true);
}

void Hub::Assign(ServerStreamPtr stream, const std::string& session_id, bool tasks_only) {
  auto record = Check(*stream->context(), session_id);
  if (!record.ok()) return stream->Finish(record.status());
  auto assignee = std::make_shared<Assignee>((*record)->id);
  assignee->tasks_only = tasks_only;
  ViewPtr view = parts_.store.Read();
  assignee->since = view->index();
  assignee->set.Load(*view);
  assignee->feed =
      std::make_shared<Feed>(FeedParts(parts_.options.assignment_interval), std::move(stream),
                             [raw = assignee.get()] { return raw->Next(); });
  (*record)->assignees.push_back(assignee);
  assignee->feed->Begin([this, id = (*record)->id](const std::shared_ptr<Feed>& feed) {
    if (NodeRecord* owner = Find(id)) {
      std::erase_if(owner->assignees, [&](const auto& a) { return a->feed == feed; });
    }
  });
  assignee->feed->Wake();
}

void Hub::Touch(const std::shared_ptr<Assignee>& assignee) {
  if (!std::exchange(assignee->touched, true)) touched_.push_back(assignee);
}

Feed::Parts Hub::FeedParts(Duration interval) const {
  return {parts_.loop, parts_.post, parts_.runtime.clock(), interval};
}

NodeRecord* Hub::Find(const std::string& node_id) {
  auto found = nodes_.find(node_id);
  return found == nodes_.end() ? nullptr : found->second.get();
}

}  // namespace swarm::dispatcher
