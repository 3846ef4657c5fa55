// Whether a chain of certificates leads to a trusted root. Paths are built here and not by
// OpenSSL, which takes a cross-signed root of the same name for a self-signed certificate.
#pragma once

#include <vector>

#include "pki/certificate.h"
#include "swarm/runtime.h"
#include "swarm/status.h"

namespace swarm::pki {

// At least one, each self-signed, valid now and with a strong signature. InvalidArgument.
Result<std::vector<Certificate>> ParseRoots(std::string_view pem, WallTime now);

enum class Expiry : unsigned char {
  kEnforced,
  // Certificates may have expired, if once all of them, a root included, were valid together.
  kAllowed,
};

// `chain`: leaf first, each signed by the next (a root may end it), all inside their dates, the
// leaf leading to one of `roots`. Gives the certificate directly above the leaf.
Result<Certificate> VerifyChain(const std::vector<Certificate>& chain,
                                const std::vector<Certificate>& roots, WallTime now,
                                Expiry expiry = Expiry::kEnforced);

}  // namespace swarm::pki
