// Keeps the cluster's network keys complete, and renews them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "component/component.h"

namespace swarm::keymanager {

struct KeyManagerOptions {
  Duration rotation;  // between two changes of keys
};

// Threading: [loop].
class KeyManager final : public component::Part {
 public:
  KeyManager(component::Env& env, KeyManagerOptions options);

  void Begin(const ViewPtr& view) override;
  void OnCommit(const Commit& commit) override;

 private:
  // Completes the keys; with `rotate` also renews the oldest ones.
  void Write(bool rotate);
  void ArmRotation();

  component::Env& env_;
  const KeyManagerOptions options_;
  std::unique_ptr<Timer> rotation_;
};

}  // namespace swarm::keymanager
