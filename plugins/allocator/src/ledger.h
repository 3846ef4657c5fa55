// Who has which addresses and ports, and what services, tasks and nodes should have. Pure: the
// component asks it what to write, and tells it what has gone.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "networks.h"
#include "ports.h"
#include "swarm/store.h"

namespace swarm::allocator {

// The networks that a service's tasks name, new style or old.
std::vector<pb::NetworkAttachmentConfig> NetworksOf(const pb::ServiceSpec& spec);

class Ledger {
 public:
  Networks& networks() { return networks_; }

  // --- what is stored already, before anything new is given ---
  // Each returns what is wrong with it, for the log; what can be taken is taken all the same.
  Status RestoreService(const pb::Service& service);
  Status RestoreTask(const Task& task);
  Status RestoreNode(const pb::Node& node);
  void Resume();

  // --- what an object should have. Fails without effect; again only when something changed ---
  // The endpoint; nothing when the stored one is right.
  Result<std::optional<pb::Endpoint>> Service(const pb::Service& service, const Reader& reader);
  // The networks of a task before it is scheduled. `service`: null when it has none.
  Result<std::vector<pb::NetworkAttachment>> Task(const swarm::Task& task,
                                                  const pb::Service* service, const Reader& reader);
  // The load balancer addresses of a node: one on each network in `needed`. Networks that have no
  // address left are left out and named in `short_of`.
  std::vector<pb::NetworkAttachment> Node(const pb::Node& node, const std::set<std::string>& needed,
                                          const Reader& reader, std::set<std::string>* short_of);

  // --- what is over. Whether that made something free ---
  bool FreeNetwork(const std::string& id);
  bool FreeService(const std::string& id);
  bool FreeTask(const std::string& id);
  bool FreeNode(const std::string& id);

 private:
  // Network and address.
  using Held = std::vector<std::pair<std::string, std::string>>;
  using Holders = std::map<std::string, Held>;

  Status RestoreAddress(const std::string& network, const std::string& address, Held* held);
  void Give(const Held& held);
  bool Free(Holders* holders, const std::string& id);
  Result<std::vector<std::string>> VirtualNetworks(const pb::Service& service,
                                                   const Reader& reader) const;
  Status TakeVirtualIps(const pb::Service& service, const std::vector<std::string>& wanted,
                        pb::Endpoint* endpoint);
  Result<std::vector<pb::NetworkAttachment>> Wanted(const swarm::Task& task,
                                                    const pb::Service* service,
                                                    const Reader& reader) const;

  Networks networks_;
  Ports ports_;
  Holders services_;
  Holders tasks_;
  Holders nodes_;
};

// The ingress network, null when there is none.
std::shared_ptr<const pb::Network> FindIngress(const Reader& reader);

}  // namespace swarm::allocator
