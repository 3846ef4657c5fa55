// OpenSSL's objects with owners, and its errors as values. Only core/src/tls includes OpenSSL.
#pragma once

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "swarm/status.h"

namespace swarm::tls {

template <auto kFree>
struct Freed {
  template <class T>
  void operator()(T* object) const {
    kFree(object);
  }
};

using X509Ptr = std::unique_ptr<X509, Freed<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using SslPtr = std::unique_ptr<SSL, Freed<SSL_free>>;
using SslContextPtr = std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>>;

// The oldest error of this thread's queue in words, which is emptied; `otherwise` when there is
// none.
std::string TakeError(std::string_view otherwise);

// Every certificate in a PEM text, in order; InvalidArgument naming `what` when one cannot be read.
Result<std::vector<X509Ptr>> ParseCertificates(std::string_view pem, std::string_view what);
// An unencrypted private key; lines of headers in the block, as node keys have, are skipped.
Result<KeyPtr> ParseKey(std::string_view pem);

}  // namespace swarm::tls
