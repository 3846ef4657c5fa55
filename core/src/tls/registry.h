// Who is behind each connection that was handed to gRPC, under a name that is never used again.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "rpc/grpc_server.h"

namespace swarm::tls {

// Threading: [any].
class Registry {
 public:
  void Add(std::string name, std::shared_ptr<const rpc::Peer> peer) {
    std::lock_guard lock(mutex_);
    peers_.emplace(std::move(name), std::move(peer));
  }
  void Remove(const std::string& name) {
    std::lock_guard lock(mutex_);
    peers_.erase(name);
  }
  // Null when the connection has ended: whoever asks must refuse, never take it for anonymous.
  std::shared_ptr<const rpc::Peer> Find(const std::string& name) const {
    std::lock_guard lock(mutex_);
    const auto found = peers_.find(name);
    return found == peers_.end() ? nullptr : found->second;
  }
  std::size_t size() const {
    std::lock_guard lock(mutex_);
    return peers_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::unordered_map<std::string, std::shared_ptr<const rpc::Peer>> peers_;
};

}  // namespace swarm::tls
