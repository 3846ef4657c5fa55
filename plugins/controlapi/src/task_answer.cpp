#include "task_answer.h"

#include <utility>

#include "swarmkit/v1/control.pb.h"

namespace swarm::controlapi {
namespace {

// A response on an arena: its messages are never destroyed one by one, so they may point at parts
// of the store's tasks, which `tasks` keeps alive. The response is immutable, and so are the parts.
struct Answer {
  google::protobuf::Arena arena;
  std::vector<TaskPtr> tasks;
};

// The same task without what it shares with others.
Task OwnParts(const Task& task) {
  Task own = task;
  own.spec = nullptr;
  own.service_annotations = nullptr;
  own.endpoint = nullptr;
  return own;
}

void Fill(const Task& task, pb::Task* out) {
  TaskToProto(OwnParts(task), out);
  if (task.spec) {
    out->unsafe_arena_set_allocated_spec(const_cast<pb::TaskSpec*>(task.spec.get()));
  }
  if (task.service_annotations) {
    out->unsafe_arena_set_allocated_service_annotations(
        const_cast<pb::Annotations*>(task.service_annotations.get()));
  }
  if (task.endpoint) {
    out->unsafe_arena_set_allocated_endpoint(const_cast<pb::Endpoint*>(task.endpoint.get()));
  }
}

}  // namespace

Payload AnswerWithTasks(std::vector<TaskPtr> tasks) {
  auto answer = std::make_shared<Answer>();
  answer->tasks = std::move(tasks);
  auto* response = google::protobuf::Arena::CreateMessage<pb::ListTasksResponse>(&answer->arena);
  response->mutable_tasks()->Reserve(static_cast<int>(answer->tasks.size()));
  for (const TaskPtr& task : answer->tasks) Fill(*task, response->add_tasks());
  return Payload::FromMessage(std::shared_ptr<const google::protobuf::Message>(answer, response));
}

}  // namespace swarm::controlapi
