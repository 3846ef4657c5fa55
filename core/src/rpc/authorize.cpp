#include "rpc/authorize.h"

#include <algorithm>
#include <span>
#include <vector>

namespace swarm::rpc {
namespace {

using Roles = std::span<const std::string>;

// As Go prints a list: "[swarm-worker swarm-manager]".
std::string Printed(Roles roles) {
  std::string out = "[";
  for (const auto& role : roles) {
    if (out.size() > 1) out += ' ';
    out += role;
  }
  return out + "]";
}

bool Intersect(Roles a, Roles b) {
  return std::any_of(a.begin(), a.end(), [b](const auto& role) {
    return std::find(b.begin(), b.end(), role) != b.end();
  });
}

Status Denied(std::string text) {
  return {Code::kPermissionDenied, "Permission denied: " + std::move(text)};
}

// How Go prints an error with a code inside of another one's text.
std::string Quoted(const Status& inner) {
  return "rpc error: code = " + std::string(CodeName(inner.code())) + " desc = " + inner.message();
}

Status Removed(const std::string& node_id) {
  return Denied("node " + node_id + " was removed from swarm");
}

Status CheckPeer(const std::optional<Identity>& peer, Roles roles, const Policy& policy) {
  if (!peer) return {Code::kPermissionDenied, "no client certificates in request"};
  if (!Intersect(peer->roles, roles)) {
    return Denied("remote certificate not part of OUs: " + Printed(roles));
  }
  if (policy.removed && policy.removed(peer->node_id)) return Removed(peer->node_id);
  if (policy.organization.empty() || peer->organization != policy.organization) {
    return Denied("remote certificate not part of organization: " + policy.organization);
  }
  return Status::Ok();
}

bool IsForwarded(const Metadata& metadata) {
  const auto [first, limit] = metadata.equal_range(forwarding::kCert);
  return first != limit && std::next(first) == limit && first->second == "true";
}

std::string First(const Metadata& metadata, std::string_view key) {
  const auto found = metadata.find(key);
  return found == metadata.end() ? std::string() : found->second;
}

Identity ForwardedIdentity(const Metadata& metadata) {
  Identity identity;
  identity.node_id = First(metadata, forwarding::kCommonName);
  identity.organization = First(metadata, forwarding::kOrganization);
  const auto [first, limit] = metadata.equal_range(forwarding::kOrganizationalUnit);
  for (auto it = first; it != limit; ++it) identity.roles.push_back(it->second);
  return identity;
}

Status CheckForwarded(const Identity& caller, Roles roles, const Policy& policy) {
  if (caller.roles.empty() || caller.node_id.empty() || caller.organization.empty()) {
    return Denied("missing information in forwarded request");
  }
  if (!Intersect(caller.roles, roles)) {
    return Denied("unauthorized forwarded role, expecting: " + Printed(roles));
  }
  if (caller.organization != policy.organization) {
    return Denied("organization mismatch, expecting: " + policy.organization);
  }
  // The forwarding manager may not have heard of the removal yet.
  if (policy.removed && policy.removed(caller.node_id)) return Removed(caller.node_id);
  return Status::Ok();
}

const std::vector<std::string>& ManagerOnly() {
  static const std::vector<std::string> roles{std::string(kManagerRole)};
  return roles;
}

const std::vector<std::string>& AnyRole() {
  static const std::vector<std::string> roles{std::string(kWorkerRole), std::string(kManagerRole)};
  return roles;
}

Effective ForwardedCall(std::optional<Identity> caller, const std::string& peer_address,
                        const Metadata& metadata) {
  Effective effective;
  effective.changed = true;
  effective.caller = std::move(caller);
  effective.remote_address = First(metadata, forwarding::kRemoteAddress);
  if (effective.remote_address.empty()) effective.remote_address = peer_address;
  return effective;
}

Effective Anonymous(const Policy& policy, const std::optional<Identity>& peer,
                    const std::string& peer_address, const Metadata& metadata) {
  if (!IsForwarded(metadata)) {
    Effective effective;
    effective.changed = peer && !CheckPeer(peer, AnyRole(), policy).ok();
    effective.remote_address = peer_address;
    return effective;
  }
  // Someone who is no manager names another caller: believed in nothing.
  if (!CheckPeer(peer, ManagerOnly(), policy).ok()) {
    return ForwardedCall(std::nullopt, peer_address, {});
  }
  auto caller = ForwardedIdentity(metadata);
  if (!CheckForwarded(caller, AnyRole(), policy).ok()) {
    return ForwardedCall(std::nullopt, peer_address, metadata);
  }
  return ForwardedCall(std::move(caller), peer_address, metadata);
}

}  // namespace

Result<Effective> Authorize(const Method& method, const Policy& policy,
                            const std::optional<Identity>& peer, const std::string& peer_address,
                            const Metadata& metadata) {
  if (method.anonymous) return Anonymous(policy, peer, peer_address, metadata);
  if (!IsForwarded(metadata)) {
    const Status status = CheckPeer(peer, method.roles, policy);
    if (!status.ok()) return Denied("unauthorized peer role: " + Quoted(status));
    return Effective{};
  }
  const Status forwarder = CheckPeer(peer, ManagerOnly(), policy);
  if (!forwarder.ok()) return Denied("unauthorized forwarder role: " + Quoted(forwarder));
  auto caller = ForwardedIdentity(metadata);
  SWARM_RETURN_IF_ERROR(CheckForwarded(caller, method.roles, policy));
  return ForwardedCall(std::move(caller), peer_address, metadata);
}

}  // namespace swarm::rpc
