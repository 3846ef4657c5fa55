// Roots that were not made here: of other kinds of keys and signatures, good and bad.
#include <gtest/gtest.h>
#include <openssl/dsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

#include "pki/chain.h"
#include "pki/root_ca.h"

namespace swarm::pki {
namespace {

using std::chrono_literals::operator""h;
using KeyPtr = std::shared_ptr<EVP_PKEY>;

WallTime Now() { return std::chrono::system_clock::now(); }

KeyPtr Own(EVP_PKEY* key) { return {key, EVP_PKEY_free}; }
KeyPtr Rsa(int bits) { return Own(EVP_RSA_gen(static_cast<unsigned>(bits))); }
KeyPtr Curve(const char* name) { return Own(EVP_EC_gen(name)); }

KeyPtr Dsa() {
  const auto make = [](EVP_PKEY_CTX* context, auto begin, auto finish) {
    EVP_PKEY* out = nullptr;
    begin(context);
    if (finish == nullptr) {
      EVP_PKEY_CTX_set_dsa_paramgen_bits(context, 1024);
      EVP_PKEY_paramgen(context, &out);
    } else {
      finish(context, &out);
    }
    EVP_PKEY_CTX_free(context);
    return Own(out);
  };
  const auto parameters = make(EVP_PKEY_CTX_new_id(EVP_PKEY_DSA, nullptr), EVP_PKEY_paramgen_init,
                               static_cast<int (*)(EVP_PKEY_CTX*, EVP_PKEY**)>(nullptr));
  return make(EVP_PKEY_CTX_new(parameters.get(), nullptr), EVP_PKEY_keygen_init, EVP_PKEY_keygen);
}

std::string PemOf(EVP_PKEY* key) { return PrivateKey(Own(key)).Pkcs8Pem(); }

struct Root {
  std::string certificate;
  std::string key;
};

Root MakeRoot(const KeyPtr& key, const EVP_MD* digest, const char* name = "swarm-ca") {
  const std::shared_ptr<X509> made(X509_new(), X509_free);
  X509_set_version(made.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 7);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), 3600L * 24 * 365 * 5);
  X509_set_pubkey(made.get(), key.get());
  X509_NAME* subject = X509_get_subject_name(made.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
  X509_set_issuer_name(made.get(), subject);
  X509V3_CTX context;
  X509V3_set_ctx(&context, made.get(), made.get(), nullptr, nullptr, 0);
  for (const auto& [nid, value] : {std::pair(NID_basic_constraints, "critical,CA:TRUE"),
                                   std::pair(NID_key_usage, "critical,keyCertSign,cRLSign"),
                                   std::pair(NID_subject_key_identifier, "hash")}) {
    X509_EXTENSION* extension = X509V3_EXT_nconf_nid(nullptr, &context, nid, value);
    X509_add_ext(made.get(), extension, -1);
    X509_EXTENSION_free(extension);
  }
  X509_sign(made.get(), key.get(), digest);
  EVP_PKEY_up_ref(key.get());
  return {Certificate(made).Pem(), PemOf(key.get())};
}

Status Load(const Root& root) {
  return RootCa::Load(root.certificate, SignerFiles{root.certificate, root.key, ""}, Now())
      .status();
}

// Pinned by SwarmKit: weak signatures and weak keys.
TEST(ForeignRootsTest, WeakOnesAreRefused) {
  EXPECT_EQ(Load(MakeRoot(Rsa(2048), EVP_sha256())), Status());
  EXPECT_EQ(Load(MakeRoot(Curve("P-384"), EVP_sha384())), Status());
  EXPECT_EQ(Load(MakeRoot(Curve("P-521"), EVP_sha512())), Status());
  const auto refused = [](const Root& root, const char* text) {
    const Status status = Load(root);
    EXPECT_EQ(status.code(), Code::kInvalidArgument) << status;
    EXPECT_NE(status.message().find(text), std::string::npos) << status;
  };
  refused(MakeRoot(Rsa(2048), EVP_sha1()), "not signed with SHA-256 or better");
  refused(MakeRoot(Rsa(1024), EVP_sha256()), "at least 2048 bits");
  refused(MakeRoot(Curve("P-224"), EVP_sha256()), "P-256, P-384 or P-521");
  refused(MakeRoot(Dsa(), EVP_sha256()), "not signed with SHA-256 or better");
}

// Pinned by SwarmKit: any kind of root leads to any other through the cross-signed one.
TEST(ForeignRootsTest, RootsOfDifferentKindsAreCrossSigned) {
  const Root roots[] = {MakeRoot(Rsa(2048), EVP_sha256()), MakeRoot(Curve("P-256"), EVP_sha256())};
  const Root others[] = {MakeRoot(Rsa(2048), EVP_sha256()), MakeRoot(Curve("P-256"), EVP_sha256())};
  const auto csr = MakeCsr(PrivateKey::Generate().value()).value();
  for (const Root& old_files : roots) {
    for (const Root& new_files : others) {
      const auto old_root = RootCa::Load(
          old_files.certificate, SignerFiles{old_files.certificate, old_files.key, ""}, Now());
      const auto new_root = RootCa::Load(
          new_files.certificate, SignerFiles{new_files.certificate, new_files.key, ""}, Now());
      ASSERT_TRUE(old_root.ok() && new_root.ok());
      const auto crossed = old_root->CrossSign(new_files.certificate);
      ASSERT_TRUE(crossed.ok()) << crossed.status();
      const auto leaf =
          ParseCertificates(new_root->SignNode(csr, {"n", "swarm-worker", "c"}, 2h, Now()).value())
              .value();
      auto chain = leaf;
      chain.push_back(ParseCertificates(*crossed)->front());
      EXPECT_TRUE(VerifyChain(chain, old_root->roots(), Now()).ok());
      EXPECT_TRUE(VerifyChain(chain, new_root->roots(), Now()).ok());
      EXPECT_FALSE(VerifyChain(leaf, old_root->roots(), Now()).ok());
    }
  }
}

// Pinned by SwarmKit: only a certificate of an authority can be cross-signed.
TEST(ForeignRootsTest, OnlyAuthoritiesAreCrossSigned) {
  const auto root = RootCa::Create(Now()).value();
  const auto csr = MakeCsr(PrivateKey::Generate().value()).value();
  const auto leaf = root.SignNode(csr, {"n", "swarm-worker", "c"}, 2h, Now()).value();
  EXPECT_EQ(root.CrossSign(leaf).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(root.CrossSign("garbage").status().code(), Code::kInvalidArgument);
  const auto other = RootCa::Create(Now()).value();
  EXPECT_FALSE(root.CrossSign(other.roots_pem() + other.roots_pem()).ok());
}

}  // namespace
}  // namespace swarm::pki
