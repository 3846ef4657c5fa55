#include "round.h"

namespace swarm::allocator {
namespace {

constexpr const char* kAllocated = "pending task scheduling";

}  // namespace

Result<bool> Allocator::Round::Step(Transaction& tx) {
  // A step that is undone runs again: so it counts only when it has succeeded.
  std::size_t index = next_;
  const auto within = [&index](std::size_t size) {
    if (index < size) return true;
    index -= size;
    return false;
  };
  Status status;
  if (within(networks.size())) {
    status = Apply(tx, *networks[index]);
  } else if (within(services.size())) {
    status = Apply(tx, services[index]);
  } else if (within(nodes.size())) {
    status = Apply(tx, nodes[index]);
  } else if (within(tasks.size())) {
    status = Apply(tx, tasks[index]);
  } else {
    return false;
  }
  if (!status.ok()) return status;
  ++next_;
  return true;
}

// Each reads the object again: what it was made from may have changed, and its other fields are not
// the allocator's.
Status Allocator::Round::Apply(Transaction& tx, const pb::Network& network) {
  const auto stored = tx.Get<pb::Network>(network.id());
  if (!stored) return Status::Ok();
  auto changed = std::make_shared<pb::Network>(*stored);
  *changed->mutable_driver_state() = network.driver_state();
  *changed->mutable_ipam() = network.ipam();
  return tx.Update(std::move(changed));
}

Status Allocator::Round::Apply(Transaction& tx, const ServiceChange& change) {
  const auto stored = tx.Get<pb::Service>(change.id);
  if (!stored) return Status::Ok();
  auto changed = std::make_shared<pb::Service>(*stored);
  *changed->mutable_endpoint() = *change.endpoint;
  return tx.Update(std::move(changed));
}

Status Allocator::Round::Apply(Transaction& tx, const NodeChange& change) {
  const auto stored = tx.Get<pb::Node>(change.id);
  if (!stored) return Status::Ok();
  auto changed = std::make_shared<pb::Node>(*stored);
  changed->mutable_attachments()->Assign(change.attachments.begin(), change.attachments.end());
  return tx.Update(std::move(changed));
}

Status Allocator::Round::Apply(Transaction& tx, const TaskChange& change) {
  const TaskPtr stored = tx.GetTask(change.id);
  if (!stored || stored->status.state >= pb::PENDING) return Status::Ok();
  auto changed = std::make_shared<Task>(*stored);
  if (!change.waits.empty()) {
    changed->status.err = change.waits;
    return tx.UpdateTask(std::move(changed));
  }
  if (change.endpoint) changed->endpoint = change.endpoint;
  if (!change.networks.empty()) {
    auto extras = changed->extras ? std::make_shared<TaskExtras>(*changed->extras)
                                  : std::make_shared<TaskExtras>();
    extras->networks = change.networks;
    changed->extras = std::move(extras);
  }
  changed->status.state = pb::PENDING;
  changed->status.message = kAllocated;
  changed->status.err.clear();
  changed->status.timestamp = now;
  return tx.UpdateTask(std::move(changed));
}

}  // namespace swarm::allocator
