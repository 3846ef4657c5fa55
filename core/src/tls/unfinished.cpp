#include "tls/unfinished.h"

#include <algorithm>

#include "swarm/check.h"

namespace swarm::tls {

std::string Unfinished::HostOf(const std::string& address) {
  const auto colon = address.rfind(':');
  return colon == std::string::npos ? address : address.substr(0, colon);
}

Unfinished::Id Unfinished::Add(One one) {
  ++of_host_[HostOf(one.address)];
  ones_.emplace(++last_, std::move(one));
  return last_;
}

Unfinished::One* Unfinished::Find(Id id) {
  const auto found = ones_.find(id);
  return found == ones_.end() ? nullptr : &found->second;
}

Unfinished::One Unfinished::Take(Id id) {
  const auto node = ones_.extract(id);
  if (node.empty()) return {};
  const auto host = of_host_.find(HostOf(node.mapped().address));
  if (--host->second == 0) of_host_.erase(host);
  return std::move(node.mapped());
}

bool Unfinished::TakeAny(One& one) {
  if (ones_.empty()) return false;
  one = Take(ones_.begin()->first);
  return true;
}

Unfinished::One Unfinished::TakeWorst() {
  SWARM_CHECK(!ones_.empty(), "somebody has to go, so somebody is there");
  const auto most =
      std::max_element(of_host_.begin(), of_host_.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  const auto oldest = std::find_if(ones_.begin(), ones_.end(), [&](const auto& one) {
    return HostOf(one.second.address) == most->first;
  });
  return Take(oldest->first);
}

}  // namespace swarm::tls
