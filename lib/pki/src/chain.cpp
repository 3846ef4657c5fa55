#include "pki/chain.h"

#include <algorithm>
#include <optional>
#include <string>

namespace swarm::pki {

namespace {

Status Invalid(std::string text) { return {Code::kInvalidArgument, std::move(text)}; }

std::string NameOf(const Certificate& certificate) {
  return "certificate of \"" + certificate.subject().common_name + "\"";
}

Status CheckDates(const Certificate& certificate, WallTime now, Expiry expiry) {
  if (now < certificate.not_before()) {
    return Invalid(NameOf(certificate) + " is not yet valid: check the clocks of both machines");
  }
  if (expiry == Expiry::kEnforced && now > certificate.not_after()) {
    return Invalid(NameOf(certificate) + " has expired");
  }
  return {};
}

// A period in which everything on the path so far was valid.
struct Period {
  WallTime from = WallTime::min();
  WallTime to = WallTime::max();
  Period With(const Certificate& c) const {
    return {std::max(from, c.not_before()), std::min(to, c.not_after())};
  }
  bool empty() const { return from > to; }
};

// The certificate directly above chain[at] on a path to a root, if there is a path. Each
// certificate is signed by the next, so a path is a beginning of the chain and one root.
std::optional<Certificate> FindIssuer(const std::vector<Certificate>& chain, std::size_t at,
                                      const std::vector<Certificate>& roots, Period period,
                                      const auto& acceptable, bool& reached) {
  period = period.With(chain[at]);
  for (const Certificate& root : roots) {
    if (!chain[at].SignedBy(root)) continue;
    reached = true;
    if (acceptable(root, period.With(root))) return root;
  }
  if (at + 1 >= chain.size() || !chain[at + 1].IsCa()) return std::nullopt;
  if (!FindIssuer(chain, at + 1, roots, period, acceptable, reached)) return std::nullopt;
  return chain[at + 1];
}

}  // namespace

Result<std::vector<Certificate>> ParseRoots(std::string_view pem, WallTime now) {
  auto roots = ParseCertificates(pem);
  if (!roots.ok()) return roots.status().WithContext("root CA");
  for (const Certificate& root : *roots) {
    if (!root.IsSelfSigned()) return Invalid("root CA: " + NameOf(root) + " is not self-signed");
    if (!root.HasStrongSignature()) {
      return Invalid("root CA: " + NameOf(root) + " is not signed with SHA-256 or better");
    }
    if (Status dates = CheckDates(root, now, Expiry::kEnforced); !dates.ok()) {
      return dates.WithContext("root CA");
    }
  }
  return roots;
}

Result<Certificate> VerifyChain(const std::vector<Certificate>& chain,
                                const std::vector<Certificate>& roots, WallTime now,
                                Expiry expiry) {
  if (chain.empty()) return Invalid("there is no certificate to verify");
  for (std::size_t i = 0; i < chain.size(); ++i) {
    SWARM_RETURN_IF_ERROR(CheckDates(chain[i], now, expiry));
    if (i + 1 < chain.size() && !chain[i].SignedBy(chain[i + 1])) {
      return Invalid("the certificates do not form a chain: " + NameOf(chain[i]) +
                     " is not signed by the next one");
    }
  }
  const auto acceptable = [&](const Certificate& root, const Period& common) {
    if (!CheckDates(root, now, expiry).ok()) return false;
    return expiry == Expiry::kEnforced || !common.empty();
  };
  bool reached = false;
  if (auto issuer = FindIssuer(chain, 0, roots, {}, acceptable, reached)) return *issuer;
  if (reached && expiry == Expiry::kAllowed) {
    return Invalid(
        "there is no time span for which all of the certificates, including a root, are valid");
  }
  if (reached) return Invalid("the root of " + NameOf(chain[0]) + " is not valid now");
  return Invalid(NameOf(chain[0]) + " is signed by an unknown authority");
}

}  // namespace swarm::pki
