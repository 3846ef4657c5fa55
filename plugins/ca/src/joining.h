// How a node becomes part of a cluster: its roots, checked against the join token, then a
// certificate.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "adoption.h"
#include "enrolment.h"
#include "key_store.h"
#include "pki/text_keys.h"
#include "swarm/ca.h"

namespace swarm::ca {

struct JoiningParts {
  std::shared_ptr<Loop> loop;  // may block
  Runtime& runtime;
  Network& network;
  Logger logger;
  IdentityRequest request;
  std::string kek;  // opens a key file that is there
};

struct Joined {
  NodeIdentity identity;
  std::vector<pki::Certificate> chain;
  std::string kek;  // encrypts the key file now
};

// Threading: everything on the loop. `done` is not called after Cancel.
class Joining : public std::enable_shared_from_this<Joining> {
 public:
  explicit Joining(JoiningParts parts);
  void Start(Function<void(Result<Joined>)> done);
  void Cancel();

 private:
  void AskForRoots();
  void OnRoots(const Result<std::string>& roots);
  void UseRoots(const std::string& pem);
  void Enrol();
  void OnIssued(Result<Issued> issued);
  void Save(const Held& held, const Kek& kek);
  void Fail(const Status& why);
  void Finish(Result<Joined> result);

  const JoiningParts parts_;
  KeyStore store_;
  Function<void(Result<Joined>)> done_;
  std::optional<pki::JoinToken> token_;
  std::optional<pki::RootCa> root_;
  int asked_ = 0;
  std::shared_ptr<Enrolment> enrolment_;
  std::unique_ptr<Timer> timer_;
};

}  // namespace swarm::ca
