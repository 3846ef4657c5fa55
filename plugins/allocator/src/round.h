// What one round of the allocator writes. Made on its loop, read on the store's.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "allocator.h"
#include "swarm/store.h"

namespace swarm::allocator {

struct Allocator::Round {
  struct ServiceChange {
    std::string id;
    std::shared_ptr<const pb::Endpoint> endpoint;
  };
  struct NodeChange {
    std::string id;
    std::vector<pb::NetworkAttachment> attachments;
  };
  struct TaskChange {
    std::string id;
    std::shared_ptr<const pb::Endpoint> endpoint;  // null: none
    std::vector<pb::NetworkAttachment> networks;
    std::string waits;  // not empty: the task stays NEW and says this
  };

  bool empty() const {
    return networks.empty() && services.empty() && nodes.empty() && tasks.empty();
  }
  // The next change, for Batch.
  Result<bool> Step(Transaction& tx);

  TaskTime now;
  std::vector<std::shared_ptr<pb::Network>> networks;
  std::vector<ServiceChange> services;
  std::vector<NodeChange> nodes;
  std::vector<TaskChange> tasks;

  // Of services asked about in this round: what their tasks get.
  struct Settled {
    ServicePtr service;
    std::shared_ptr<const pb::Endpoint> endpoint;
  };
  std::map<std::string, Settled> settled;

 private:
  Status Apply(Transaction& tx, const pb::Network& network);
  Status Apply(Transaction& tx, const ServiceChange& change);
  Status Apply(Transaction& tx, const NodeChange& change);
  Status Apply(Transaction& tx, const TaskChange& change);

  std::size_t next_ = 0;
};

}  // namespace swarm::allocator
