// What members of a gossip cluster tell each other of who is there, and on which networks.
// Protocol: memberlist's push/pull, with the state of Docker's NetworkDB inside.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "swarm/status.h"

namespace swarm::gossip {

enum class MemberState : std::uint8_t { kAlive = 0, kSuspect = 1, kDead = 2, kLeft = 3 };

// One member, as somebody sees it.
struct Member {
  std::string name;
  std::string address;  // 4 or 16 bytes
  std::uint32_t port = 0;
  std::string meta;
  std::uint32_t incarnation = 0;
  MemberState state = MemberState::kAlive;
  std::string versions;  // opaque

  friend bool operator==(const Member&, const Member&) = default;
};

// That a node is on a network. Kept as it came: only the node itself may change it.
struct Attachment {
  std::string node_name;
  std::string bytes;

  friend bool operator==(const Attachment&, const Attachment&) = default;
};

struct PushPull {
  // The sender wants to be let in. An engine then also tells its attachments anew.
  bool join = false;
  std::vector<Member> members;
  std::string node_name;  // the sender's; empty: of no member
  std::uint64_t time = 0;
  std::vector<Attachment> attachments;

  friend bool operator==(const PushPull&, const PushPull&) = default;
};

// A plain message; with nothing to tell it carries no state of networks at all.
std::string Encode(const PushPull& message);
Result<PushPull> Decode(std::string_view message);

}  // namespace swarm::gossip
