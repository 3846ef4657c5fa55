// Certificates from external authorities, over CFSSL's protocol: JSON over HTTPS with the node's
// own certificate.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "cfssl/transport.h"
#include "pki/certificate.h"
#include "pki/private_key.h"
#include "pki/root_ca.h"
#include "swarm/function.h"
#include "swarm/runtime.h"
#include "swarm/status.h"

namespace swarm::cfssl {

// The body of a request for a node's certificate.
std::string NodeRequest(std::string_view csr_pem, const pki::NodeSubject& subject);
// The body of a request to sign the root `root_pem` (one certificate), whose key is `key`, so that
// whoever trusts only the authority's root accepts what that root signs.
Result<std::string> CrossSignRequest(std::string_view root_pem, const pki::PrivateKey& key);
// The certificate in an answer. Unavailable when it is no answer at all, which may pass;
// PermissionDenied when the authority refuses.
Result<std::string> ReadAnswer(const Answer& answer);

// Threading: [any]; callbacks come on a thread of the client's own, which is made with the first
// question.
class Client {
 public:
  // Asked for each call anew.
  using Presented = Function<std::shared_ptr<const Credentials>()>;
  Client(Runtime& runtime, std::unique_ptr<Transport> transport, Presented presented);
  // Waits for what is under way, which Cancel makes short; what was not begun is dropped.
  ~Client();

  // One authority after the other, until one signs. The error tells of each. Unavailable when
  // asking again may help, PermissionDenied when all of them refused for good. `trusted_pem`: the
  // roots that must vouch for the authorities' servers.
  void Sign(std::vector<std::string> urls, std::string request, std::string trusted_pem,
            Function<void(Result<std::string>)> done);
  // OK once one of them shows a certificate of these roots; else what is wrong with each.
  void Reach(std::vector<std::string> urls, std::string trusted_pem, Function<void(Status)> done);
  // Everything asked ends with Cancelled soon.
  void Cancel() noexcept { transport_->Cancel(); }

 private:
  Loop& loop();
  Trust TrustIn(std::string roots_pem) { return {presented_(), std::move(roots_pem)}; }

  Runtime& runtime_;
  const std::unique_ptr<Transport> transport_;
  Presented presented_;
  std::mutex mutex_;
  std::unique_ptr<Loop> loop_;  // guarded by mutex_
};

}  // namespace swarm::cfssl
