#include "introduction.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <optional>

namespace swarm::gossip {
namespace {

// What the engine says of itself.
const Member* OwnEntry(const PushPull& view) {
  for (const Member& member : view.members) {
    if (member.name == view.node_name && member.state == MemberState::kAlive) return &member;
  }
  return nullptr;
}

std::set<std::string> AliveNames(const PushPull& view) {
  std::set<std::string> out;
  for (const Member& member : view.members) {
    if (member.state == MemberState::kAlive) out.insert(member.name);
  }
  return out;
}

}  // namespace

std::string AddressText(const std::string& bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const std::string mapped("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
  std::string plain = bytes;
  if (plain.size() == 16 && plain.starts_with(mapped)) plain = plain.substr(12);
  if (plain.size() != 4 && plain.size() != 16) return "";
  inet_ntop(plain.size() == 4 ? AF_INET : AF_INET6, plain.data(), text.data(), text.size());
  return text.data();
}

bool IsUsable(const std::string& address) {
  in_addr four{};
  if (inet_pton(AF_INET, address.c_str(), &four) == 1) {
    const std::uint32_t value = ntohl(four.s_addr);
    return value != 0 && value >> 24 != 127 && value >> 28 < 0xe;
  }
  in6_addr six{};
  if (inet_pton(AF_INET6, address.c_str(), &six) != 1) return false;
  return !IN6_IS_ADDR_UNSPECIFIED(&six) && !IN6_IS_ADDR_LOOPBACK(&six) &&
         !IN6_IS_ADDR_MULTICAST(&six);
}

std::vector<std::vector<std::string>> GroupsOf(const Views& views) {
  std::map<std::string, std::set<std::string>> alive;
  for (const auto& [address, view] : views) alive[address] = AliveNames(view);
  std::vector<std::vector<std::string>> groups;
  std::set<std::string> placed;
  for (const auto& [first, ignored] : views) {
    if (placed.contains(first)) continue;
    std::vector<std::string> group{first};
    placed.insert(first);
    for (std::size_t i = 0; i < group.size(); ++i) {
      for (const auto& [other, view] : views) {
        const bool mutual = alive.at(group[i]).contains(view.node_name) &&
                            alive.at(other).contains(views.at(group[i]).node_name);
        if (mutual && placed.insert(other).second) group.push_back(other);
      }
    }
    std::sort(group.begin(), group.end());
    groups.push_back(std::move(group));
  }
  return groups;
}

std::vector<Introduction> Introduce(const Views& views, const std::set<std::string>& known) {
  const auto groups = GroupsOf(views);
  std::vector<Introduction> out;
  if (groups.size() < 2) return out;
  for (const auto& group : groups) {
    Introduction introduction;
    introduction.to = group.front();
    introduction.message.join = true;
    for (const auto& [address, view] : views) {
      introduction.message.time = std::max(introduction.message.time, view.time);
      if (std::binary_search(group.begin(), group.end(), address)) continue;
      const Member* own = OwnEntry(view);
      if (own == nullptr || !known.contains(AddressText(own->address))) continue;
      introduction.message.members.push_back(*own);
      for (const Attachment& attachment : view.attachments) {
        if (attachment.node_name == view.node_name) {
          introduction.message.attachments.push_back(attachment);
        }
      }
    }
    if (!introduction.message.members.empty()) out.push_back(std::move(introduction));
  }
  return out;
}

}  // namespace swarm::gossip
