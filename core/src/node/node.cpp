#include "node/node.h"

#include <utility>

#include "node/life.h"

namespace swarm::node {

Result<std::unique_ptr<Node>> Node::Make(NodeSetup setup) {
  auto life = std::make_shared<Life>(std::move(setup));
  SWARM_RETURN_IF_ERROR(life->Prepare());
  return std::unique_ptr<Node>(new Node(std::move(life)));
}

Node::Node(std::shared_ptr<Life> life) : life_(std::move(life)) {}
Node::~Node() {
  // A callback of the loop may hold the last other reference, and must not end its own loop.
  life_->Quiesce();
}

Status Node::Start() { return life_->Start(); }
Status Node::Stop(StopMode mode) { return life_->Stop(mode); }
rpc::RouterImpl& Node::router() { return life_->router(); }

}  // namespace swarm::node
