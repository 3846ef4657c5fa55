#include <algorithm>
#include <nlohmann/json.hpp>

#include "node/remotes.h"

namespace swarm::node {

std::string FormatPeers(std::vector<Peer> peers) {
  std::sort(peers.begin(), peers.end(), [](const Peer& a, const Peer& b) {
    return std::tie(a.node_id, a.address) < std::tie(b.node_id, b.address);
  });
  auto list = nlohmann::ordered_json::array();
  for (const Peer& peer : peers) {
    nlohmann::ordered_json entry = nlohmann::ordered_json::object();
    if (!peer.node_id.empty()) entry["node_id"] = peer.node_id;
    if (!peer.address.empty()) entry["addr"] = peer.address;
    list.push_back(std::move(entry));
  }
  return list.dump();
}

Result<std::vector<Peer>> ParsePeers(std::string_view text) {
  const Status bad(Code::kInvalidArgument, "must be a JSON array of {\"node_id\", \"addr\"}");
  const auto list = nlohmann::json::parse(text, nullptr, false);
  // Go writes "null" for an empty list.
  if (list.is_null()) return std::vector<Peer>();
  if (!list.is_array()) return bad;
  std::vector<Peer> peers;
  for (const auto& entry : list) {
    if (!entry.is_object()) return bad;
    const auto text_of = [&entry](const char* key) {
      const auto found = entry.find(key);
      return found == entry.end() || !found->is_string() ? std::string()
                                                         : found->get<std::string>();
    };
    Peer peer{text_of("node_id"), text_of("addr")};
    if (!peer.address.empty()) peers.push_back(std::move(peer));
  }
  return peers;
}

}  // namespace swarm::node
