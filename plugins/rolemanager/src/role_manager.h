// Makes nodes what they are wanted to be: managers or workers.
//
//   wanted    observed     in the group    what happens
//   manager   worker       no              observed becomes manager; the node joins by itself
//   worker    manager      yes             it leaves the group of managers first ...
//   worker    manager      no              ... then observed becomes worker
//   (removed)              yes             it leaves the group
//
// The observed role is what the certificate authority certifies, so a node gets the certificate of
// a worker only once the group does without it.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>

#include "component/component.h"
#include "swarm/consensus.h"

namespace swarm::rolemanager {

// Threading: [loop].
class RoleManager final : public component::Part {
 public:
  // `consensus` outlives it.
  RoleManager(component::Env& env, Consensus& consensus);
  ~RoleManager() override;

  void Begin(const ViewPtr& view) override;
  void OnCommit(const Commit& commit) override;

 private:
  void Reconcile(const std::string& node_id);
  void ReconcileAll();
  std::optional<Member> MemberOf(const std::string& node_id) const;
  // Takes the node out of the group, or sees to it that somebody else can.
  void TakeOut(const std::string& node_id, const Member& member);
  void SetRole(const std::string& node_id, pb::NodeRole role);
  void Finished(const std::string& node_id, const Status& outcome);
  void Later();

  component::Env& env_;
  Consensus& consensus_;
  std::set<std::string> pending_;  // not yet what they should be
  std::set<std::string> busy_;     // of these: something is under way
  std::unique_ptr<Timer> retry_;
  // What callbacks from other threads hold: gone with this object.
  const std::shared_ptr<RoleManager*> alive_;
};

}  // namespace swarm::rolemanager
