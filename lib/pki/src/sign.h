// Making certificates out of their parts.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "openssl.h"
#include "pki/certificate.h"
#include "pki/private_key.h"

namespace swarm::pki {

// A certificate with a version, a random serial number, dates and a public key.
Result<CertPtr> NewCertificate(EVP_PKEY* public_key, WallTime not_before, WallTime not_after);

// PrintableString where the characters allow, else UTF-8.
Status AddName(X509_NAME* name, int attribute, std::string_view text);
// `value` in OpenSSL's own notation. `issuer` null: self-signed.
Status AddExtension(X509* certificate, X509* issuer, int extension, const std::string& value);
// With the hash that goes with the kind of key.
Result<Certificate> Sign(CertPtr certificate, const PrivateKey& key);

}  // namespace swarm::pki
