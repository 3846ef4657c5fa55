#include "minted.h"

#include <filesystem>

#include "pki/private_key.h"
#include "runtime/production.h"

namespace swarm::test {

WallTime MintedManager::Now() {
  return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
}

MintedManager::MintedManager(const std::string& address, RootKey key)
    : address_(address), root_(pki::RootCa::Create(Now()).value()) {
  const std::string folder = manager_.state() + "/certificates";
  std::filesystem::create_directories(folder);
  const auto own = Mint("manager1", "swarm-manager");
  WriteText(folder + "/swarm-root-ca.crt", root_.roots_pem());
  if (key == RootKey::kWithTheCluster) WriteText(folder + "/swarm-root-ca.key", root_.KeyPem());
  WriteText(folder + "/swarm-node.crt", own->certificate_pem);
  WriteText(folder + "/swarm-node.key", own->key_pem);
  manager_.ListenOn(address);
}

std::shared_ptr<const Credentials> MintedManager::Mint(const std::string& node_id,
                                                       const std::string& role,
                                                       WallTime from) const {
  return MintWith(root_, {node_id, role, "cluster1"}, from);
}

std::shared_ptr<const Credentials> MintedManager::MintWith(const pki::RootCa& root,
                                                           const pki::NodeSubject& subject,
                                                           WallTime from) {
  const auto key = pki::PrivateKey::Generate().value();
  const auto csr = pki::MakeCsr(key).value();
  const auto pem = root.SignNode(csr, subject, std::chrono::hours(2), from).value();
  return std::make_shared<const Credentials>(Credentials{pem, key.Pkcs8Pem(), root.roots_pem()});
}

}  // namespace swarm::test
