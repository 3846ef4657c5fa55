// Certificate requests.
#pragma once

#include <string_view>

#include "openssl.h"

namespace swarm::pki {

// The public key of a request whose own signature is right. InvalidArgument "CSR Decode failed".
Result<KeyPtr> PublicKeyOfCsr(std::string_view csr_pem);

}  // namespace swarm::pki
