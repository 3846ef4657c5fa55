#include "keys.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace swarm::keymanager {
namespace {

constexpr std::array<std::string_view, 2> kSubsystems = {"networking:gossip", "networking:ipsec"};

using Keys = std::vector<pb::EncryptionKey>;

bool IsOurs(const pb::EncryptionKey& key) {
  return std::find(kSubsystems.begin(), kSubsystems.end(), key.subsystem()) != kSubsystems.end();
}

// A subsystem's usable keys, oldest first.
Keys KeysOf(const pb::Cluster& cluster, std::string_view subsystem) {
  Keys out;
  for (const pb::EncryptionKey& key : cluster.network_bootstrap_keys()) {
    const bool usable =
        key.key().size() == kKeyBytes && key.algorithm() == pb::EncryptionKey::AES_128_GCM;
    if (key.subsystem() == subsystem && usable) out.push_back(key);
  }
  std::sort(out.begin(), out.end(),
            [](const auto& a, const auto& b) { return a.lamport_time() < b.lamport_time(); });
  return out;
}

pb::EncryptionKey NewKey(pb::Cluster* cluster, std::string_view subsystem, const NextKey& next) {
  pb::EncryptionKey key;
  key.set_subsystem(std::string(subsystem));
  key.set_algorithm(pb::EncryptionKey::AES_128_GCM);
  key.set_key(next());
  key.set_lamport_time(cluster->encryption_key_lamport_clock() + 1);
  cluster->set_encryption_key_lamport_clock(key.lamport_time());
  return key;
}

void Store(pb::Cluster* cluster, const std::array<Keys, 2>& keys) {
  // What others keep here is theirs.
  Keys rest;
  for (const auto& key : cluster->network_bootstrap_keys()) {
    if (!IsOurs(key)) rest.push_back(key);
  }
  cluster->clear_network_bootstrap_keys();
  for (const Keys& subsystem : keys) {
    for (const auto& key : subsystem) *cluster->add_network_bootstrap_keys() = key;
  }
  for (auto& key : rest) *cluster->add_network_bootstrap_keys() = std::move(key);
}

// A new key's time must be above every time there is, whoever wrote it.
void RaiseClock(pb::Cluster* cluster) {
  std::uint64_t clock = cluster->encryption_key_lamport_clock();
  for (const auto& key : cluster->network_bootstrap_keys()) {
    clock = std::max(clock, key.lamport_time());
  }
  cluster->set_encryption_key_lamport_clock(clock);
}

}  // namespace

bool Complete(pb::Cluster* cluster, std::uint64_t first_clock, const NextKey& next) {
  std::array<Keys, 2> keys;
  bool complete = true;
  std::size_t known = 0;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    keys[i] = KeysOf(*cluster, kSubsystems[i]);
    complete = complete && keys[i].size() == kKeysEach;
    known += keys[i].size();
  }
  const auto ours = std::count_if(cluster->network_bootstrap_keys().begin(),
                                  cluster->network_bootstrap_keys().end(), IsOurs);
  if (complete && static_cast<std::size_t>(ours) == known) return false;
  if (cluster->network_bootstrap_keys().empty() && cluster->encryption_key_lamport_clock() == 0) {
    cluster->set_encryption_key_lamport_clock(first_clock);
  }
  RaiseClock(cluster);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (keys[i].size() > kKeysEach) {
      keys[i].erase(keys[i].begin(), keys[i].end() - static_cast<std::ptrdiff_t>(kKeysEach));
    }
    while (keys[i].size() < kKeysEach) keys[i].push_back(NewKey(cluster, kSubsystems[i], next));
  }
  Store(cluster, keys);
  return true;
}

void Rotate(pb::Cluster* cluster, const NextKey& next) {
  std::array<Keys, 2> keys;
  RaiseClock(cluster);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    keys[i] = KeysOf(*cluster, kSubsystems[i]);
    if (keys[i].size() >= kKeysEach) keys[i].erase(keys[i].begin());
    keys[i].push_back(NewKey(cluster, kSubsystems[i], next));
  }
  Store(cluster, keys);
}

}  // namespace swarm::keymanager
