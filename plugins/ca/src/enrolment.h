// Asks a cluster's certificate authority for one certificate and waits until it is signed.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "manager_calls.h"
#include "pki/private_key.h"
#include "swarm/log.h"
#include "swarm/runtime.h"
#include "swarmkit/v1/ca.pb.h"

namespace swarm::ca {

// What the authority has signed; not verified yet.
struct Issued {
  pki::PrivateKey key;
  std::string certificate_pem;
  Route route;  // the manager that answered
};

struct EnrolmentParts {
  std::shared_ptr<Loop> loop;
  Runtime& runtime;
  Logger logger;
  std::string token;  // empty: a member renews
  pb::NodeSpec::Availability availability = pb::NodeSpec::ACTIVE;
  Duration pause;  // between attempts
  // A way to a manager; nothing when none is known. `remote`: not the node's own.
  std::function<std::optional<Route>(bool remote)> route;
};

// Threading: everything on the loop. Once only. `done` is not called after Cancel.
class Enrolment : public std::enable_shared_from_this<Enrolment> {
 public:
  explicit Enrolment(EnrolmentParts parts);
  void Start(Function<void(Result<Issued>)> done);
  void Cancel();

 private:
  void Attempt();
  void Issue();
  void OnIssued(const Result<std::shared_ptr<const pb::IssueNodeCertificateResponse>>& reply);
  void Poll();
  void OnStatus(const Result<std::shared_ptr<const pb::NodeCertificateStatusResponse>>& reply);
  void OnPending();
  void Retry(const Status& why);
  void Later(Duration delay, void (Enrolment::*next)());
  void Finish(Result<Issued> result);

  const EnrolmentParts parts_;
  const std::unique_ptr<Random> random_;
  Function<void(Result<Issued>)> done_;
  std::optional<pki::PrivateKey> key_;
  std::string csr_;
  std::optional<Route> route_;
  std::string node_id_;
  int attempts_ = 0;
  int polls_ = 0;
  bool remote_ = false;
  std::unique_ptr<Timer> timer_;
};

}  // namespace swarm::ca
