#include "test_pki.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <atomic>

#include "swarm/check.h"
#include "tls/openssl.h"

namespace swarm::tls {
namespace {

using BioPtr = std::unique_ptr<BIO, Freed<BIO_free_all>>;

std::string Content(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string Pem(X509* certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), certificate);
  return Content(bio.get());
}

std::string Pem(EVP_PKEY* key) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  return Content(bio.get());
}

void AddName(X509_NAME* name, const char* field, const std::string& value) {
  X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(value.c_str()), -1, -1, 0);
}

void AddExtension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  SWARM_CHECK(extension != nullptr, "a test's extension is well formed");
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

X509Ptr Blank(long from_s, long to_s) {
  static std::atomic<long> serial{1};
  X509Ptr certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), from_s);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), to_s);
  return certificate;
}

}  // namespace

struct TestCa::Keys {
  KeyPtr key{EVP_EC_gen("P-256")};
  X509Ptr root;

  X509Ptr Certify(const std::string& name, const X509_NAME* issuer, EVP_PKEY* signer) const {
    X509Ptr made = Blank(-3600, 86400);
    AddName(X509_get_subject_name(made.get()), "CN", name);
    X509_set_issuer_name(made.get(), issuer ? issuer : X509_get_subject_name(made.get()));
    X509_set_pubkey(made.get(), key.get());
    AddExtension(made.get(), made.get(), NID_basic_constraints, "critical,CA:TRUE");
    AddExtension(made.get(), made.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
    X509_sign(made.get(), signer, EVP_sha256());
    return made;
  }
};

TestCa::TestCa(std::string name) : keys_(std::make_unique<Keys>()), name_(std::move(name)) {
  keys_->root = keys_->Certify(name_, nullptr, keys_->key.get());
  root_pem_ = Pem(keys_->root.get());
}

TestCa::~TestCa() = default;

std::shared_ptr<const Credentials> TestCa::Issue(const Leaf& leaf) const {
  const KeyPtr key(EVP_EC_gen("P-256"));
  X509Ptr made = leaf.expired ? Blank(-7200, -3600) : Blank(-3600, 86400);
  X509_NAME* subject = X509_get_subject_name(made.get());
  AddName(subject, "O", leaf.organization);
  AddName(subject, "OU", leaf.role);
  AddName(subject, "CN", leaf.node_id);
  X509_set_issuer_name(made.get(), X509_get_subject_name(keys_->root.get()));
  X509_set_pubkey(made.get(), key.get());
  AddExtension(made.get(), keys_->root.get(), NID_basic_constraints, "critical,CA:FALSE");
  AddExtension(made.get(), keys_->root.get(), NID_key_usage,
               "critical,digitalSignature,keyEncipherment");
  AddExtension(made.get(), keys_->root.get(), NID_ext_key_usage, "serverAuth,clientAuth");
  std::string names = "DNS:" + leaf.role + ",DNS:" + leaf.node_id;
  if (leaf.role == "swarm-manager") names += ",DNS:swarm-ca";
  AddExtension(made.get(), keys_->root.get(), NID_subject_alt_name, names);
  X509_sign(made.get(), keys_->key.get(), EVP_sha256());
  return std::make_shared<const Credentials>(
      Credentials{Pem(made.get()), Pem(key.get()), root_pem_});
}

std::shared_ptr<const Credentials> TestCa::Issue(const std::string& node_id,
                                                 const std::string& role) const {
  Leaf leaf;
  leaf.node_id = node_id;
  leaf.role = role;
  return Issue(leaf);
}

std::string TestCa::CrossSignedBy(const TestCa& other) const {
  return Pem(
      keys_->Certify(name_, X509_get_subject_name(other.keys_->root.get()), other.keys_->key.get())
          .get());
}

}  // namespace swarm::tls
