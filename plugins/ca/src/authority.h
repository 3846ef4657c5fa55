// The cluster's certificate authority on its leader: answers requests for certificates and signs
// what is accepted.
//
// A node's certificate goes from PENDING (a newcomer with a token) or RENEW (a member) to ISSUED,
// or to FAILED with the reason. Whoever asked polls its status, which is answered once it is final.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "external.h"
#include "pki/root_ca.h"
#include "rotation.h"
#include "swarm/log.h"
#include "swarm/plugin.h"
#include "swarm/rpc.h"
#include "swarm/store.h"
#include "swarmkit/v1/ca.pb.h"

namespace swarm::ca {

// Threading: everything on `loop`. Callbacks of others hold the loop weakly: they may come late.
class Authority : public std::enable_shared_from_this<Authority> {
 public:
  struct Parts {
    std::shared_ptr<Loop> loop;
    Runtime& runtime;
    Store& store;
    WriterPtr writer;
    NodeInfo node;
    Logger logger;
    std::shared_ptr<ExternalSigning> external;
  };
  explicit Authority(Parts parts);

  // Begins to sign what is outstanding; the cluster object exists.
  void Start();
  // Waiting callers get Aborted; nothing is signed any more.
  void Stop();

  void GetRootCertificate(const CallContextPtr& context, const pb::GetRootCACertificateRequest&,
                          UnaryReply reply);
  void GetUnlockKey(const CallContextPtr& context, const pb::GetUnlockKeyRequest&,
                    UnaryReply reply);
  void Issue(const CallContextPtr& context, const pb::IssueNodeCertificateRequest& request,
             UnaryReply reply);
  void GetStatus(const CallContextPtr& context, const pb::NodeCertificateStatusRequest& request,
                 UnaryReply reply);

 private:
  using NodePtr = std::shared_ptr<const pb::Node>;
  struct Waiting {
    CallContextPtr context;
    UnaryReply reply;
  };
  // What a signing came to.
  struct Outcome {
    std::string certificate_pem;
    std::string error;  // not empty: the request can never be granted
  };

  std::shared_ptr<const pb::Cluster> cluster() const { return cluster_; }
  void OnCommit(const Commit& commit);
  void UseCluster(std::shared_ptr<const pb::Cluster> cluster);
  void Consider(const pb::Node& node);
  void Sign(const pb::Node& node);
  void SignOutside(const pb::Node& node);
  void OnSignedOutside(const std::string& node_id, const std::string& csr,
                       Result<std::string> certificate_pem);
  void Save(const std::string& node_id, const std::string& csr, Outcome outcome);
  void RetryLater();
  void SignAll();
  void AnswerWaiting(const std::string& node_id, const pb::Node* node);
  void Renew(const std::string& node_id, const pb::IssueNodeCertificateRequest& request,
             UnaryReply reply);
  void Admit(pb::NodeRole role, const pb::IssueNodeCertificateRequest& request, UnaryReply reply);
  void NoteStranger(const CallContext& context);
  // The member that calls, when it may renew its certificate without a token.
  std::optional<std::string> Member(const CallContext& context) const;

  const Parts parts_;
  const std::unique_ptr<Random> random_;
  bool stopped_ = false;
  std::unique_ptr<Subscription> subscription_;
  std::shared_ptr<const pb::Cluster> cluster_;
  std::string signer_key_;  // what root_ was made of
  std::optional<pki::RootCa> root_;
  // Being signed or saved: node id and request.
  std::set<std::pair<std::string, std::string>> saving_;
  std::unique_ptr<Timer> retry_;
  std::optional<SteadyTime> stranger_noted_;
  const std::shared_ptr<Rotation> rotation_;
  std::map<std::string, std::vector<Waiting>> waiting_;  // by node id
};

}  // namespace swarm::ca
