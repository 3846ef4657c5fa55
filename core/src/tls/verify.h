// Whether a peer's certificate is trusted. Paths are built here: during a rotation of the root a
// bundle holds two roots of one name and leaves come with a cross-signed intermediate, on which
// OpenSSL's own building gives up although a path exists.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "swarm/rpc.h"
#include "swarm/status.h"
#include "tls/openssl.h"

namespace swarm::tls {

using Certificates = std::vector<X509*>;  // borrowed

enum class Purpose : unsigned char { kServer, kClient };

// `now`: seconds since 1970.
bool LeadsToRoot(X509* leaf, const Certificates& intermediates, const Certificates& roots,
                 std::int64_t now);

// Unauthenticated, saying what is wrong: no path, expired, not made for the purpose, other name.
Status CheckCertificate(X509* leaf, const Certificates& intermediates, const Certificates& roots,
                        Purpose purpose, const std::optional<std::string>& server_name,
                        std::int64_t now);

// Subject of a certificate; parts it lacks stay empty.
Identity IdentityOf(X509* certificate);

}  // namespace swarm::tls
