// Moves every node over to a new root: has them renew a few at a time, and once the last one shows
// a certificate of the new root makes that the cluster's only one.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>

#include "swarm/log.h"
#include "swarm/runtime.h"
#include "swarm/store.h"

namespace swarm::ca {

// Threading: everything on `loop`.
class Rotation : public std::enable_shared_from_this<Rotation> {
 public:
  struct Parts {
    std::shared_ptr<Loop> loop;
    Runtime& runtime;
    Store& store;
    WriterPtr writer;
    Logger logger;
  };
  explicit Rotation(Parts parts);

  // The cluster object as it is now. Begins, begins anew with another root, or ends.
  void Follow(const pb::Cluster& cluster);
  void OnNode(const pb::Node& node);
  void OnNodeGone(const std::string& node_id);
  void Stop();

 private:
  // What a node's certificate is to have been signed by.
  struct Issuer {
    std::string subject;
    std::string public_key;
  };

  void Begin(const pb::RootCA& root);
  void End();
  bool Converged(const pb::Node& node) const;
  void Later();
  void Tick();
  void AskNodes();
  void Finish();
  void OnWritten(const Status& status);
  void Report();

  const Parts parts_;
  const std::unique_ptr<Random> random_;
  bool stopped_ = false;
  std::optional<Issuer> wanted_;  // while there is a rotation
  std::string key_;               // which one: the root object without its tokens
  std::set<std::string> waiting_for_;
  std::size_t reported_ = 0;
  int ticks_ = 0;
  bool writing_ = false;
  std::unique_ptr<Timer> timer_;
};

}  // namespace swarm::ca
