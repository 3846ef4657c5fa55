// Signing by authorities outside of the cluster, where it leaves that to them.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "cfssl/client.h"
#include "pki/certificate.h"
#include "pki/root_ca.h"
#include "swarm/function.h"
#include "swarm/runtime.h"
#include "swarm/status.h"
#include "swarmkit/v1/objects.pb.h"

namespace swarm::ca {

namespace pb = ::docker::swarmkit::v1;

// Threading: everything on `loop`.
class ExternalSigning : public std::enable_shared_from_this<ExternalSigning> {
 public:
  struct Parts {
    std::shared_ptr<Loop> loop;
    Runtime& runtime;
    std::unique_ptr<cfssl::Client> client;
  };
  using Done = Function<void(Result<std::string>)>;

  explicit ExternalSigning(Parts parts) : parts_(std::move(parts)) {}

  // The cluster object as it is now; whether other authorities are to be asked than before.
  bool Follow(const pb::Cluster& cluster);
  // Whether the cluster has authorities for the root that nodes are to be signed by.
  bool Serves() const { return !terms_.urls.empty(); }
  // The chain, leaf first, checked: it is what was asked for, and leads to the cluster's root.
  // Unavailable when it may be asked again later, which then holds for all that wait too: they are
  // answered so at once. Any other error is for good.
  void Sign(std::string csr_pem, pki::NodeSubject subject, Done done);
  // Whoever waits is not answered any more.
  void Stop();

 private:
  // What the cluster says of its authorities.
  struct Terms {
    std::vector<std::string> urls;
    std::string trusted_pem;        // who vouches for the authorities' servers
    std::string roots_pem;          // what a certificate must lead to
    std::string intermediates_pem;  // sent along with it
    bool operator==(const Terms&) const = default;
  };
  struct Asked {
    std::string csr_pem;
    pki::NodeSubject subject;
    Done done;
  };

  void Next();
  void OnAnswer(Asked asked, const Terms& terms, Result<std::string> certificate_pem);
  static Result<std::string> Check(const Asked& asked, const Terms& terms,
                                   const std::string& certificate_pem, WallTime now);

  Parts parts_;
  Terms terms_;
  std::deque<Asked> waiting_;
  bool busy_ = false;
  bool stopped_ = false;
};

}  // namespace swarm::ca
