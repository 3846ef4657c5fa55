#include "tls/verify.h"

#include <gtest/gtest.h>

#include <ctime>

#include "test_pki.h"
#include "tls/context.h"

namespace swarm::tls {
namespace {

struct Loaded {
  std::vector<X509Ptr> certificates;
  Certificates all() const {
    Certificates out;
    for (const auto& certificate : certificates) out.push_back(certificate.get());
    return out;
  }
};

Loaded Load(const std::string& pem) {
  auto parsed = ParseCertificates(pem, "a test's certificates");
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  return {std::move(*parsed)};
}

Status Check(const std::string& leaf, const std::string& intermediates, const std::string& roots,
             Purpose purpose = Purpose::kServer, std::optional<std::string> name = std::nullopt) {
  const Loaded l = Load(leaf);
  const Loaded i = Load(intermediates);
  const Loaded r = Load(roots);
  return CheckCertificate(l.all().front(), i.all(), r.all(), purpose, name, std::time(nullptr));
}

TEST(VerifyTest, ALeafOfATrustedRootPasses) {
  const TestCa ca;
  const auto leaf = ca.Issue("n1", "swarm-manager");
  EXPECT_EQ(Check(leaf->certificate_pem, "", ca.root_pem()), Status::Ok());
  EXPECT_EQ(Check(leaf->certificate_pem, "", ca.root_pem(), Purpose::kClient), Status::Ok());
}

TEST(VerifyTest, ALeafOfAnotherRootOfTheSameNameIsRefused) {
  const TestCa ca;
  const TestCa other;
  const auto leaf = other.Issue("n1", "swarm-manager");
  EXPECT_EQ(Check(leaf->certificate_pem, "", ca.root_pem()).code(), Code::kUnauthenticated);
}

TEST(VerifyTest, AnExpiredLeafIsRefused) {
  const TestCa ca;
  TestCa::Leaf wanted;
  wanted.expired = true;
  const Status status = Check(ca.Issue(wanted)->certificate_pem, "", ca.root_pem());
  EXPECT_EQ(status.message(), "its certificate has expired");
}

TEST(VerifyTest, NobodyIsTrustedWithoutRoots) {
  const TestCa ca;
  EXPECT_FALSE(Check(ca.Issue("n1", "swarm-worker")->certificate_pem, "", "").ok());
}

TEST(VerifyTest, ACrossSignedRootLeadsToTheOldOneAmongSeveralOfOneName) {
  const TestCa old_ca;
  const TestCa new_ca;
  const TestCa unrelated;
  const auto leaf = new_ca.Issue("n1", "swarm-manager");
  EXPECT_FALSE(Check(leaf->certificate_pem, "", old_ca.root_pem()).ok());
  EXPECT_EQ(Check(leaf->certificate_pem, new_ca.CrossSignedBy(old_ca),
                  unrelated.root_pem() + old_ca.root_pem()),
            Status::Ok());
}

TEST(VerifyTest, ALeafIsNoIntermediate) {
  const TestCa ca;
  const TestCa evil("n1");  // named as the leaf that is to vouch for it
  const auto vouching = ca.Issue("n1", "swarm-worker");
  const auto forged = evil.Issue("n2", "swarm-manager");
  EXPECT_FALSE(Check(forged->certificate_pem, vouching->certificate_pem, ca.root_pem()).ok());
}

TEST(VerifyTest, TheServersNameMustBeOneOfItsAlternativeNames) {
  const TestCa ca;
  const auto manager = ca.Issue("n1", "swarm-manager")->certificate_pem;
  const auto worker = ca.Issue("n2", "swarm-worker")->certificate_pem;
  for (const char* name : {"swarm-manager", "swarm-ca", "n1"}) {
    EXPECT_EQ(Check(manager, "", ca.root_pem(), Purpose::kServer, name), Status::Ok()) << name;
  }
  EXPECT_FALSE(Check(worker, "", ca.root_pem(), Purpose::kServer, "swarm-manager").ok());
  EXPECT_FALSE(Check(manager, "", ca.root_pem(), Purpose::kServer, "cluster").ok());
}

TEST(VerifyTest, TheSubjectSaysWhoItIs) {
  const TestCa ca;
  const Loaded leaf = Load(ca.Issue("n1", "swarm-worker")->certificate_pem);
  const Identity identity = IdentityOf(leaf.all().front());
  EXPECT_EQ(identity.node_id, "n1");
  EXPECT_EQ(identity.organization, "cluster");
  EXPECT_EQ(identity.roles, std::vector<std::string>{"swarm-worker"});
}

TEST(TlsContextTest, BrokenMaterialIsRefusedByName) {
  const TestCa ca;
  const auto good = ca.Issue("n1", "swarm-manager");
  EXPECT_TRUE(TlsContext::Make(*good).ok());
  EXPECT_TRUE(TlsContext::Make({}).ok()) << "a client may have nothing to show";

  Credentials other_key = *good;
  other_key.key_pem = ca.Issue("n2", "swarm-manager")->key_pem;
  EXPECT_EQ(TlsContext::Make(other_key).status().code(), Code::kInvalidArgument);

  Credentials no_certificate = *good;
  no_certificate.certificate_pem = "hello";
  EXPECT_EQ(TlsContext::Make(no_certificate).status().code(), Code::kInvalidArgument);

  Credentials torn_root = *good;
  torn_root.roots_pem.resize(torn_root.roots_pem.size() / 2);
  EXPECT_FALSE(TlsContext::Make(torn_root).ok());
}

TEST(TlsContextTest, HeadersInTheKeyFileAreSkipped) {
  const TestCa ca;
  Credentials with_headers = *ca.Issue("n1", "swarm-manager");
  const auto line_end = with_headers.key_pem.find('\n') + 1;
  with_headers.key_pem.insert(line_end, "kek-version: 7\nraft-dek: AAAA\n\n");
  EXPECT_TRUE(TlsContext::Make(with_headers).ok());
}

}  // namespace
}  // namespace swarm::tls
