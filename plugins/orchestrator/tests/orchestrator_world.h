// Starts an orchestrator in a small cluster.
#pragma once

#include <memory>

#include "component_testing/world.h"
#include "orchestrator.h"

namespace swarm::orchestrator {

using component::testing::World;

// Borrowed; lives as long as the component runs.
inline Orchestrator* StartOrchestrator(World& world) {
  Orchestrator* made = nullptr;
  world.Start({"orchestrator", {Table::kCluster, Table::kNode, Table::kService, Table::kTask}},
              [&made](component::Env& env) {
                auto part = std::make_unique<Orchestrator>(env);
                made = part.get();
                return part;
              });
  return made;
}

inline pb::RestartPolicy& PolicyOf(pb::Service& service) {
  return *service.mutable_spec()->mutable_task()->mutable_restart();
}

}  // namespace swarm::orchestrator
