#include "csr.h"

#include "pki/pem.h"
#include "pki/root_ca.h"

namespace swarm::pki {

namespace {

// `name` null: empty.
Result<std::string> MakeRequest(const PrivateKey& key, const X509_NAME* name) {
  const RequestPtr request(X509_REQ_new());
  if (!request || X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) != 1 ||
      (name != nullptr && X509_REQ_set_subject_name(request.get(), name) != 1) ||
      X509_REQ_set_pubkey(request.get(), key.native()) != 1 ||
      X509_REQ_sign(request.get(), key.native(), EVP_sha256()) == 0) {
    return OpensslError(Code::kInternal, "cannot make a certificate request");
  }
  return EncodePem({"CERTIFICATE REQUEST", {}, ToDer(request.get(), i2d_X509_REQ)});
}

}  // namespace

Result<std::string> MakeCsr(const PrivateKey& key) { return MakeRequest(key, nullptr); }

Result<std::string> MakeCsr(const PrivateKey& key, const Certificate& subject) {
  return MakeRequest(key, X509_get_subject_name(subject.native()));
}

Result<std::string> CsrPublicKeyDer(std::string_view csr_pem) {
  SWARM_ASSIGN_OR_RETURN(const KeyPtr key, PublicKeyOfCsr(csr_pem));
  return ToDer(key.get(), i2d_PUBKEY);
}

Result<KeyPtr> PublicKeyOfCsr(std::string_view csr_pem) {
  const PemText text = DecodePem(csr_pem);
  if (text.blocks.empty() || (text.blocks[0].type != "CERTIFICATE REQUEST" &&
                              text.blocks[0].type != "NEW CERTIFICATE REQUEST")) {
    return Status(Code::kInvalidArgument, "CSR Decode failed: no certificate request found");
  }
  const std::string& der = text.blocks[0].bytes;
  const unsigned char* at = Bytes(der);
  const RequestPtr request(d2i_X509_REQ(nullptr, &at, static_cast<long>(der.size())));
  KeyPtr key(request ? X509_REQ_get_pubkey(request.get()) : nullptr);
  if (!key) return OpensslError(Code::kInvalidArgument, "CSR Decode failed");
  if (X509_REQ_verify(request.get(), key.get()) != 1) {
    return OpensslError(Code::kInvalidArgument, "CSR Decode failed: its signature is wrong");
  }
  return key;
}

}  // namespace swarm::pki
