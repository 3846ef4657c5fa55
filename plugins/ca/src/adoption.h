// From a signed certificate to one in use: verified, for a manager with the cluster's unlock key,
// and on disk.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "enrolment.h"
#include "key_store.h"
#include "pki/chain.h"
#include "pki/root_ca.h"
#include "swarm/ca.h"

namespace swarm::ca {

// A certificate and all that goes with it.
struct Held {
  std::vector<pki::Certificate> chain;
  pki::PrivateKey key;
  pki::Certificate issuer;  // directly above the leaf
};

// The chain leads to a root, belongs to the key, and names node, cluster and role.
Result<Held> CheckHeld(const std::string& certificate_pem, const pki::PrivateKey& key,
                       const pki::RootCa& root, WallTime now,
                       pki::Expiry expiry = pki::Expiry::kEnforced);
NodeIdentity Describe(const Held& held, const pki::RootCa& root);
pb::NodeRole RoleOf(const pki::Certificate& leaf);

// This program has no FIPS 140 mode, so it stays out of clusters that demand one.
Status MandatoryFips();
// MandatoryFips for a cluster whose id says so.
Status CheckFips(std::string_view cluster_id);

struct AdoptionParts {
  std::shared_ptr<Loop> loop;
  Runtime& runtime;
  Network& network;
  Logger logger;
  pki::RootCa root;
  Held held;
  Route route;  // the manager that signed
};

// Asks for the unlock key, if the certificate is a manager's. Nothing for a worker.
// Threading: on the loop, also `done`.
void FetchKek(AdoptionParts parts, Function<void(Result<Kek>)> done);

// One question for the cluster's roots, to a server that nobody vouches for: the caller has to
// compare them with something it trusts.
void FetchRoots(const std::shared_ptr<Loop>& loop, Network& network, const std::string& address,
                Function<void(Result<std::string>)> done);

}  // namespace swarm::ca
