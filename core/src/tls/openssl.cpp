#include "tls/openssl.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <utility>

namespace swarm::tls {
namespace {

using BioPtr = std::unique_ptr<BIO, Freed<BIO_free_all>>;

BioPtr Open(std::string_view text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// OpenSSL takes headers in a block for its own old kind of encryption.
std::string WithoutHeaders(std::string_view pem) {
  std::string out;
  while (!pem.empty()) {
    const auto end = std::min(pem.find('\n'), pem.size() - 1) + 1;
    const auto line = pem.substr(0, end);
    if (line.find(':') == std::string_view::npos && line != "\n") out += line;
    pem.remove_prefix(end);
  }
  return out;
}

}  // namespace

std::string TakeError(std::string_view otherwise) {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return std::string(otherwise);
  if (const char* reason = ERR_reason_error_string(code)) return reason;
  return "OpenSSL error " + std::to_string(code);
}

Result<std::vector<X509Ptr>> ParseCertificates(std::string_view pem, std::string_view what) {
  std::vector<X509Ptr> certificates;
  const BioPtr bio = Open(pem);
  while (X509Ptr next{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)}) {
    certificates.push_back(std::move(next));
  }
  const unsigned long code = ERR_peek_last_error();
  const bool at_end = code == 0 || (ERR_GET_LIB(code) == ERR_LIB_PEM &&
                                    ERR_GET_REASON(code) == PEM_R_NO_START_LINE);
  if (!at_end) {
    return Status(Code::kInvalidArgument, std::string(what) + ": certificate " +
                                              std::to_string(certificates.size() + 1) +
                                              " cannot be read: " + TakeError("malformed"));
  }
  ERR_clear_error();
  return certificates;
}

Result<KeyPtr> ParseKey(std::string_view pem) {
  const std::string plain = WithoutHeaders(pem);
  const BioPtr bio = Open(plain);
  // A callback that knows no passphrase: an encrypted key is an error, never a prompt.
  const auto no_passphrase = [](char*, int, int, void*) { return -1; };
  KeyPtr key{PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr)};
  if (!key) {
    return Status(Code::kInvalidArgument,
                  "the private key cannot be read: " + TakeError("malformed"));
  }
  return key;
}

}  // namespace swarm::tls
