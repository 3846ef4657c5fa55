#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include <string>

#include "pki/certificate.h"
#include "pki/chain.h"
#include "pki/pem.h"
#include "pki/root_ca.h"

namespace swarm::pki {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""s;

constexpr WallTime kNow =
    WallTime(std::chrono::sys_days(std::chrono::year(2026) / 3 / 1)) + 10h + 29s;
constexpr WallTime kNowMinute =
    WallTime(std::chrono::sys_days(std::chrono::year(2026) / 3 / 1)) + 10h;

std::string NewCsr() { return MakeCsr(PrivateKey::Generate().value()).value(); }

std::vector<Certificate> SignedBy(const RootCa& root, std::string_view unit = kManagerUnit,
                                  Duration expiry = kDefaultNodeCertificateExpiry) {
  auto pem = root.SignNode(NewCsr(), {"node1", std::string(unit), "cluster1"}, expiry, kNow);
  EXPECT_TRUE(pem.ok()) << pem.status();
  return ParseCertificates(*pem).value();
}

RootCa NewRoot() { return RootCa::Create(kNow).value(); }

TEST(RootCaTest, IsASelfSignedRootOfTwentyYears) {
  const RootCa root = NewRoot();
  ASSERT_EQ(root.roots().size(), 1U);
  const Certificate& certificate = root.roots()[0];
  EXPECT_EQ(certificate.subject().common_name, "swarm-ca");
  EXPECT_EQ(certificate.subject().organization, "");
  EXPECT_TRUE(certificate.IsSelfSigned());
  EXPECT_TRUE(certificate.IsCa());
  EXPECT_TRUE(certificate.HasStrongSignature());
  EXPECT_EQ(certificate.not_before(), kNowMinute - 5min);
  EXPECT_EQ(certificate.not_after() - certificate.not_before(), 630'720'000s);
  EXPECT_NE(root.KeyPem().find("BEGIN EC PRIVATE KEY"), std::string::npos);
  EXPECT_EQ(root.Digest().substr(0, 7), "sha256:");
}

TEST(RootCaTest, LoadsWhatItMade) {
  const RootCa made = NewRoot();
  const auto loaded =
      RootCa::Load(made.roots_pem(), SignerFiles{made.roots_pem(), made.KeyPem(), ""}, kNow);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->Digest(), made.Digest());
  EXPECT_TRUE(VerifyChain(SignedBy(*loaded), made.roots(), kNow).ok());
}

TEST(RootCaTest, WithoutKeyTrustsButDoesNotSign) {
  const auto root = RootCa::Load(NewRoot().roots_pem(), std::nullopt, kNow);
  ASSERT_TRUE(root.ok());
  EXPECT_FALSE(root->CanSign());
  EXPECT_EQ(root->SignNode(NewCsr(), {"n", "swarm-worker", "c"}, 1h, kNow).status().message(),
            "no valid signer found");
}

TEST(RootCaTest, RefusesBadBundlesAndSigners) {
  const RootCa one = NewRoot();
  const RootCa two = NewRoot();
  const std::string pem = one.roots_pem();
  EXPECT_FALSE(RootCa::Load("", std::nullopt, kNow).ok());
  EXPECT_FALSE(RootCa::Load("garbage", std::nullopt, kNow).ok());
  EXPECT_FALSE(RootCa::Load(pem + "garbage", std::nullopt, kNow).ok());
  EXPECT_FALSE(RootCa::Load(pem, std::nullopt, kNow - 24h).ok()) << "not yet valid";
  EXPECT_FALSE(RootCa::Load(pem, std::nullopt, kNow + 24h * 365 * 21).ok()) << "expired";
  EXPECT_FALSE(RootCa::Load(SignedBy(one)[0].Pem(), std::nullopt, kNow).ok()) << "no root";
  const auto mismatch = RootCa::Load(pem, SignerFiles{pem, two.KeyPem(), ""}, kNow);
  EXPECT_EQ(mismatch.status().message(), "certificate key mismatch");
  const auto foreign = RootCa::Load(pem, SignerFiles{two.roots_pem(), two.KeyPem(), ""}, kNow);
  EXPECT_NE(foreign.status().message().find("unknown authority"), std::string::npos);
  EXPECT_FALSE(RootCa::Load(pem, SignerFiles{pem, "garbage", ""}, kNow).ok());
}

// Two roots in one bundle: what either signs verifies.
TEST(RootCaTest, TrustsEveryRootOfABundle) {
  const RootCa one = NewRoot();
  const RootCa two = NewRoot();
  const auto both = RootCa::Load(one.roots_pem() + two.roots_pem(), std::nullopt, kNow);
  ASSERT_TRUE(both.ok()) << both.status();
  EXPECT_NE(both->Digest(), one.Digest());
  EXPECT_TRUE(VerifyChain(SignedBy(one), both->roots(), kNow).ok());
  EXPECT_TRUE(VerifyChain(SignedBy(two), both->roots(), kNow).ok());
}

TEST(NodeCertificateTest, SaysWhatTheSignerWantsAndNothingOfTheRequest) {
  const RootCa root = NewRoot();
  const auto chain = SignedBy(root);
  ASSERT_EQ(chain.size(), 1U);
  EXPECT_EQ(chain[0].subject().common_name, "node1");
  EXPECT_EQ(chain[0].subject().organization, "cluster1");
  EXPECT_EQ(chain[0].subject().units, std::vector<std::string>{"swarm-manager"});
  EXPECT_EQ(chain[0].DnsNames(), (std::vector<std::string>{"swarm-manager", "node1", "swarm-ca"}));
  EXPECT_FALSE(chain[0].IsCa());
  EXPECT_EQ(SignedBy(root, kWorkerUnit)[0].DnsNames(),
            (std::vector<std::string>{"swarm-worker", "node1"}));
}

TEST(NodeCertificateTest, NamesAreOrderedAndPrintable) {
  const Certificate leaf = SignedBy(NewRoot())[0];
  char* line = X509_NAME_oneline(X509_get_subject_name(leaf.native()), nullptr, 0);
  EXPECT_STREQ(line, "/O=cluster1/OU=swarm-manager/CN=node1");
  OPENSSL_free(line);
  const X509_NAME_ENTRY* entry = X509_NAME_get_entry(X509_get_subject_name(leaf.native()), 0);
  EXPECT_EQ(X509_NAME_ENTRY_get_data(entry)->type, V_ASN1_PRINTABLESTRING);
}

TEST(NodeCertificateTest, IsAcceptedByOpenssl) {
  const RootCa root = NewRoot();
  const Certificate leaf = SignedBy(root)[0];
  EXPECT_EQ(X509_check_purpose(leaf.native(), X509_PURPOSE_SSL_SERVER, 0), 1);
  EXPECT_EQ(X509_check_purpose(leaf.native(), X509_PURPOSE_SSL_CLIENT, 0), 1);
  EXPECT_EQ(X509_check_issued(root.roots()[0].native(), leaf.native()), X509_V_OK);
}

TEST(NodeCertificateTest, ExpiryUnderAnHourBecomesTheDefault) {
  const RootCa root = NewRoot();
  EXPECT_EQ(SignedBy(root, kManagerUnit, 1h)[0].not_after(), kNowMinute + 1h);
  EXPECT_EQ(SignedBy(root, kManagerUnit, 59min)[0].not_after(), kNowMinute + 2160h);
  EXPECT_EQ(SignedBy(root)[0].not_before(), kNowMinute - 1h);
}

TEST(NodeCertificateTest, RefusesRequestsThatAreNone) {
  const RootCa root = NewRoot();
  std::string broken = DecodePem(NewCsr()).blocks[0].bytes;
  broken.back() = static_cast<char>(broken.back() ^ 1);
  for (const std::string& csr :
       {std::string("garbage"), root.roots_pem(), EncodePem({"CERTIFICATE REQUEST", {}, "garbage"}),
        EncodePem({"CERTIFICATE REQUEST", {}, broken})}) {
    const auto signed_pem = root.SignNode(csr, {"n", "swarm-worker", "c"}, 1h, kNow);
    EXPECT_EQ(signed_pem.status().code(), Code::kInvalidArgument);
    EXPECT_NE(signed_pem.status().message().find("CSR Decode failed"), std::string::npos);
  }
  EXPECT_TRUE(root.SignNode(NewCsr(), {"n", "swarm-worker", "c"}, 1h, kNow).ok());
}

class ChainTest : public testing::Test {
 protected:
  // The old root's signature on the new one's key and name, as a root rotation makes it: same
  // subject as its issuer, and no authority key identifier.
  Certificate CrossSign(const RootCa& subject, const RootCa& issuer) {
    X509* copy = X509_dup(subject.roots()[0].native());
    X509_set_issuer_name(copy, X509_get_subject_name(issuer.roots()[0].native()));
    X509_sign(copy, PrivateKey::FromPem(issuer.KeyPem()).value().native(), EVP_sha256());
    return Certificate(std::shared_ptr<x509_st>(copy, X509_free));
  }
  static bool Verifies(const std::vector<Certificate>& chain, const RootCa& root) {
    return VerifyChain(chain, root.roots(), kNow).ok();
  }

  const RootCa old_root_ = NewRoot();
  const RootCa new_root_ = NewRoot();
  const Certificate cross_ = CrossSign(new_root_, old_root_);
  const Certificate leaf_ = SignedBy(new_root_)[0];
};

TEST_F(ChainTest, CrossSignedRootsOfOneNameLeadToTheOldRoot) {
  EXPECT_TRUE(Verifies({leaf_, cross_}, old_root_));
  EXPECT_FALSE(Verifies({leaf_}, old_root_));
  EXPECT_TRUE(Verifies({leaf_}, new_root_));
  EXPECT_TRUE(Verifies({leaf_, cross_}, new_root_));
  EXPECT_TRUE(Verifies({leaf_, cross_, old_root_.roots()[0]}, old_root_));
}

TEST_F(ChainTest, TellsTheIssuerDirectlyAboveTheLeaf) {
  const auto through = VerifyChain({leaf_, cross_}, old_root_.roots(), kNow);
  ASSERT_TRUE(through.ok());
  EXPECT_EQ(through->PublicKeyDer(), new_root_.roots()[0].PublicKeyDer());
  EXPECT_EQ(through->SubjectDer(), new_root_.roots()[0].SubjectDer());
}

TEST_F(ChainTest, RefusesWhatIsNoChain) {
  const Certificate other = SignedBy(old_root_)[0];
  EXPECT_FALSE(Verifies({}, new_root_));
  EXPECT_FALSE(Verifies({leaf_, other}, new_root_));
  EXPECT_FALSE(Verifies({leaf_, cross_, leaf_}, old_root_));
  EXPECT_FALSE(Verifies({leaf_, old_root_.roots()[0]}, old_root_));
  const auto unknown = VerifyChain({other}, new_root_.roots(), kNow);
  EXPECT_NE(unknown.status().message().find("unknown authority"), std::string::npos);
}

TEST_F(ChainTest, EveryMemberMustBeInsideItsDates) {
  const std::vector<Certificate> chain = {leaf_, cross_};
  EXPECT_FALSE(VerifyChain(chain, old_root_.roots(), kNow + 2161h).ok());
  EXPECT_FALSE(VerifyChain(chain, old_root_.roots(), kNow - 2h).ok());
}

TEST_F(ChainTest, AllowedExpiryStillRefusesTheFuture) {
  EXPECT_TRUE(VerifyChain({leaf_}, new_root_.roots(), kNow + 5000h, Expiry::kAllowed).ok());
  EXPECT_FALSE(VerifyChain({leaf_}, new_root_.roots(), kNow - 2h, Expiry::kAllowed).ok());
}

TEST_F(ChainTest, AllowedExpiryNeedsACommonInstant) {
  // A root that had ended before the leaf began.
  const RootCa early = RootCa::Create(kNow - 24h * 365 * 30).value();
  auto leaf = early.SignNode(NewCsr(), {"n", "swarm-worker", "c"}, 1h, kNow);
  ASSERT_TRUE(leaf.ok());
  const auto verified =
      VerifyChain(ParseCertificates(*leaf).value(), early.roots(), kNow + 2h, Expiry::kAllowed);
  EXPECT_EQ(verified.status().message(),
            "there is no time span for which all of the certificates, including a root, are valid");
}

// A root that signs with an intermediate appends it, so that old peers follow.
TEST_F(ChainTest, SignerWithIntermediateAppendsIt) {
  const auto rotating = RootCa::Load(
      old_root_.roots_pem(), SignerFiles{cross_.Pem(), new_root_.KeyPem(), cross_.Pem()}, kNow);
  ASSERT_TRUE(rotating.ok()) << rotating.status();
  const auto chain = SignedBy(*rotating);
  ASSERT_EQ(chain.size(), 2U);
  EXPECT_TRUE(Verifies(chain, old_root_));
  EXPECT_FALSE(RootCa::Load(old_root_.roots_pem(),
                            SignerFiles{cross_.Pem(), new_root_.KeyPem(), old_root_.roots_pem()},
                            kNow)
                   .ok())
      << "the intermediate is not the signer";
}

}  // namespace
}  // namespace swarm::pki
