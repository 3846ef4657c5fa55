// Keeps one node's certificate valid.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adoption.h"
#include "enrolment.h"
#include "key_store.h"
#include "swarm/ca.h"

namespace swarm::ca {

// When a certificate is renewed: a whole minute, drawn evenly between half and four fifths of its
// life. SwarmKit's rule.
WallTime RenewalTime(const pki::Certificate& leaf, Random& random);

struct RenewingParts {
  std::shared_ptr<Loop> loop;  // may block
  Runtime& runtime;
  Network& network;
  Logger logger;
  RenewalParts renewal;
  Held held;
  pki::RootCa root;
  std::function<std::string()> kek;                  // opens the key file
  std::function<void(const std::string&)> kek_used;  // encrypts it from now on
  std::function<void(const NodeIdentity&)> adopted;  // before everybody else hears of it
};

// Threading: everything on the loop.
class Renewing : public std::enable_shared_from_this<Renewing> {
 public:
  explicit Renewing(RenewingParts parts);
  void Start();
  // Nothing is called back any more.
  void Stop();
  void Renew(std::optional<pb::NodeRole> role);
  void SetRoots(const std::string& pem);

 private:
  void Schedule();
  void Later(Duration delay);
  void Run();
  std::optional<Route> FindRoute(bool remote);
  void OnIssued(Result<Issued> issued);
  // A worker may have slept through a whole rotation: it asks for the roots of today.
  void RefreshRoots(Issued issued, const Status& why);
  void Adopt(const Issued& issued, Held held);
  void Save(Held held, const Kek& kek);
  void Failed(const Status& why);
  void Publish();

  RenewingParts parts_;
  const std::unique_ptr<Random> random_;
  KeyStore store_;
  bool stopped_ = false;
  bool running_ = false;
  bool forced_ = false;                 // asked for while nothing else made it due
  bool again_ = false;                  // asked for while one was under way
  bool refreshed_ = false;              // the roots, in this round
  std::optional<pb::NodeRole> wanted_;  // until a certificate has it
  int failures_ = 0;
  std::unique_ptr<Timer> timer_;
  std::shared_ptr<Enrolment> enrolment_;
};

}  // namespace swarm::ca
