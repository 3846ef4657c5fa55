// A manager whose root's key the test holds: so it can make any certificate it wants.
#pragma once

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "pki/root_ca.h"
#include "support/cluster.h"
#include "swarm/network.h"
#include "swarm/rpc_typed.h"

namespace swarm::test {

class MintedManager {
 public:
  enum class RootKey : unsigned char { kWithTheCluster, kElsewhere };
  // Listens on this address.
  explicit MintedManager(const std::string& address, RootKey key = RootKey::kWithTheCluster);

  Manager& manager() { return manager_; }
  const pki::RootCa& root() const { return root_; }
  const std::string& address() const { return address_; }

  // A certificate of the cluster, valid from an hour before `from` on.
  std::shared_ptr<const Credentials> Mint(const std::string& node_id, const std::string& role,
                                          WallTime from = Now()) const;
  // The same signed by another root.
  static std::shared_ptr<const Credentials> MintWith(const pki::RootCa& root,
                                                     const pki::NodeSubject& subject,
                                                     WallTime from = Now());
  static WallTime Now();

 private:
  const std::string address_;
  const pki::RootCa root_;
  Manager manager_;
};

// One call over the network, waited for.
template <class Response, class Request>
Result<std::shared_ptr<const Response>> Ask(Channel& channel, std::string_view method,
                                            Request request, Metadata metadata = {}) {
  CallOptions options;
  options.timeout = std::chrono::seconds(20);
  options.metadata = std::move(metadata);
  std::promise<Result<std::shared_ptr<const Response>>> answer;
  CallUnary<Response>(channel, "/docker.swarmkit.v1." + std::string(method), std::move(options),
                      std::move(request), [&answer](Result<std::shared_ptr<const Response>> reply) {
                        answer.set_value(std::move(reply));
                      });
  return answer.get_future().get();
}

}  // namespace swarm::test
