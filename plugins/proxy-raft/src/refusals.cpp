#include "refusals.h"

#include <algorithm>

namespace swarm::proxy_raft {
namespace {

constexpr char kNoLeader[] =
    "The swarm does not have a leader. It's possible that too few managers are online. Make sure "
    "more than half of the managers are online.";
constexpr std::int64_t kGoneAfterMs = 1500;

bool IsGone(const Member& member) {
  return !member.reachable && member.unreachable_ms >= kGoneAfterMs;
}

std::string Missing(const std::vector<Member>& members) {
  std::string text;
  for (const Member& member : members) {
    if (!IsGone(member)) continue;
    text += text.empty() ? "" : ", ";
    text += "node " + member.node_id + " (" + member.address + ") since " +
            std::to_string(member.unreachable_ms / 1000) + " s";
  }
  return text;
}

}  // namespace

Status NoLeader(const std::vector<Member>& members) {
  const auto gone = std::count_if(members.begin(), members.end(), IsGone);
  std::string text = kNoLeader;
  if (gone == 0) {
    text += "\nan election is under way; try again";
  } else {
    text += "\n" + std::to_string(gone) + " of " + std::to_string(members.size()) +
            " managers unreachable: " + Missing(members) +
            "\nstart them again; if they are lost for good, start this manager once with "
            "--force-new-cluster";
  }
  return {Code::kUnknown, std::move(text)};
}

Status CheckFirstHop(const Metadata& metadata) {
  const auto redirect = metadata.find("redirect");
  const bool forwarded = metadata.contains("forwarded_cert");
  if (redirect == metadata.end() && !forwarded) return Status::Ok();
  const std::string from = redirect == metadata.end() ? "" : redirect->second;
  return {Code::kResourceExhausted, "more than one redirect to leader from: [" + from + "]"};
}

bool LacksQuorum(const std::vector<Member>& members) {
  const auto gone = static_cast<std::size_t>(std::count_if(members.begin(), members.end(), IsGone));
  return !members.empty() && members.size() - gone < members.size() / 2 + 1;
}

bool NeverArrived(const Status& status) {
  const std::string& text = status.message();
  if (status.code() == Code::kResourceExhausted) {
    return text.starts_with("more than one redirect to leader from: ");
  }
  if (status.code() != Code::kUnavailable) return false;
  for (const char* part : {"failed to connect", "connection refused", "Connection refused",
                           "is closing", "the connection is unavailable", "connection error"}) {
    if (text.find(part) != std::string::npos) return true;
  }
  return false;
}

bool OnlyReads(std::string_view method) {
  constexpr std::string_view kControl = "/docker.swarmkit.v1.Control/";
  if (!method.starts_with(kControl)) return false;
  method.remove_prefix(kControl.size());
  return method.starts_with("Get") || method.starts_with("List");
}

}  // namespace swarm::proxy_raft
