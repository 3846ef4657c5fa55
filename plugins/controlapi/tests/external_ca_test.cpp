// Roots whose key is with external authorities: what an update of the cluster asks of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pki/chain.h"
#include "root_rotation.h"

namespace swarm::controlapi {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

WallTime Now() { return std::chrono::system_clock::now(); }

// Pinned by SwarmKit: the table of what may follow what. Questions are answered as the test says.
class ExternalCaTest : public testing::Test {
 protected:
  ExternalCaTest() { root_.set_ca_cert(current_.roots_pem()); }

  void AddAuthority(const std::string& url, const std::string& serves = "") {
    auto* authority = config_.add_external_cas();
    authority->set_url(url);
    authority->set_ca_cert(serves);
  }
  void Want(const pki::RootCa& root, bool with_key) {
    // As people hand them over: white space around.
    config_.set_signing_ca_cert("\n" + root.roots_pem() + "\n\n");
    config_.set_signing_ca_key(with_key ? root.KeyPem() : "");
  }
  // Until nothing is open.
  Result<pb::RootCA> Decide() {
    RotationParts parts;
    for (;;) {
      auto outcome = ChangeRoot(root_, config_, parts, Now());
      const auto open = parts.answers.open();
      if (!open) return outcome;
      EXPECT_EQ(outcome.status().code(), Code::kAborted);
      asked_.push_back(*open);
      parts.answers.Add(*open, Answer(*open));
    }
  }
  Result<std::string> Answer(const Question& question) {
    for (const std::string& url : question.urls) {
      if (url == "https://down") continue;
      if (question.kind == Question::kReach) return std::string();
      return crossed_.empty() ? current_.CrossSign(question.new_root_pem) : crossed_;
    }
    return Status(Code::kUnavailable, "https://down: Connection refused");
  }
  std::string Refused() {
    const auto outcome = Decide();
    EXPECT_EQ(outcome.status().code(), Code::kInvalidArgument) << outcome.status();
    return outcome.status().message();
  }

  static constexpr const char* kNone =
      "there must be at least one valid, reachable external CA corresponding to the ";
  const pki::RootCa current_ = pki::RootCa::Create(Now()).value();
  const pki::RootCa next_ = pki::RootCa::Create(Now()).value();
  const pki::RootCa third_ = pki::RootCa::Create(Now(), "third").value();
  pb::RootCA root_;  // without its key
  pb::CAConfig config_;
  std::string crossed_;  // what authorities sign instead of what they are asked for
  std::vector<Question> asked_;
};

TEST_F(ExternalCaTest, ACurrentRootWithoutItsKeyNeedsAnAuthority) {
  EXPECT_EQ(Refused(), std::string(kNone) + "current CA certificate");
  AddAuthority("https://next", next_.roots_pem());
  EXPECT_EQ(Refused(), std::string(kNone) + "current CA certificate");
  EXPECT_TRUE(asked_.empty());
  AddAuthority("https://down");
  EXPECT_EQ(Refused(),
            std::string(kNone) + "current CA certificate\nhint: https://down: Connection refused");
  AddAuthority("https://up", current_.roots_pem());
  const auto kept = Decide();
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_EQ(kept->SerializeAsString(), root_.SerializeAsString());
  EXPECT_EQ(asked_.back().root_pem, current_.roots_pem());
}

TEST_F(ExternalCaTest, TheKeyComesHome) {
  Want(current_, true);
  root_.mutable_root_rotation()->set_ca_cert(next_.roots_pem());
  config_.set_force_rotate(3);
  const auto outcome = Decide();
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(outcome->ca_key(), current_.KeyPem());
  EXPECT_FALSE(outcome->has_root_rotation());
  EXPECT_EQ(outcome->last_forced_rotation(), 3U);
  EXPECT_TRUE(asked_.empty());
}

TEST_F(ExternalCaTest, TheKeyGoesOutside) {
  root_.set_ca_key(current_.KeyPem());
  Want(current_, false);
  EXPECT_EQ(Refused(), std::string(kNone) + "desired CA certificate");
  AddAuthority("https://up");
  const auto outcome = Decide();
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(outcome->ca_key(), "");
  EXPECT_EQ(outcome->ca_cert(), current_.roots_pem());
  EXPECT_FALSE(outcome->has_root_rotation());
}

TEST_F(ExternalCaTest, FromOwnKeyToAnAuthority) {
  root_.set_ca_key(current_.KeyPem());
  Want(next_, false);
  EXPECT_EQ(Refused(), std::string(kNone) + "desired CA certificate");
  AddAuthority("https://up");
  EXPECT_EQ(Refused(), std::string(kNone) + "desired CA certificate") << "it serves the old root";
  AddAuthority("https://next", next_.roots_pem());
  const auto begun = Decide();
  ASSERT_TRUE(begun.ok()) << begun.status();
  EXPECT_EQ(begun->root_rotation().ca_cert(), next_.roots_pem());
  EXPECT_EQ(begun->root_rotation().ca_key(), "");
  const auto crossed =
      pki::ParseCertificates(begun->root_rotation().cross_signed_ca_cert()).value();
  EXPECT_TRUE(pki::VerifyChain(crossed, current_.roots(), Now()).ok());

  // While it runs the next authority must stay reachable, and another root may take its place.
  root_ = *begun;
  config_.clear_signing_ca_cert();
  EXPECT_TRUE(Decide().ok());
  config_.mutable_external_cas(1)->set_url("https://down");
  EXPECT_THAT(Refused(), StartsWith(std::string(kNone) + "next CA certificate"));
  Want(third_, true);
  const auto replaced = Decide();
  ASSERT_TRUE(replaced.ok()) << replaced.status();
  EXPECT_EQ(replaced->root_rotation().ca_cert(), third_.roots_pem());
  // The pending root's key comes home.
  Want(next_, true);
  const auto keyed = Decide();
  ASSERT_TRUE(keyed.ok()) << keyed.status();
  EXPECT_EQ(keyed->root_rotation().ca_key(), next_.KeyPem());
  EXPECT_EQ(keyed->root_rotation().cross_signed_ca_cert(),
            begun->root_rotation().cross_signed_ca_cert());
}

TEST_F(ExternalCaTest, FromAnAuthorityToAnOwnKey) {
  AddAuthority("https://up");
  Want(next_, true);
  const auto begun = Decide();
  ASSERT_TRUE(begun.ok()) << begun.status();
  EXPECT_EQ(begun->root_rotation().ca_key(), next_.KeyPem());
  EXPECT_EQ(asked_.back().kind, Question::kCrossSign);
  const auto crossed =
      pki::ParseCertificates(begun->root_rotation().cross_signed_ca_cert()).value();
  EXPECT_TRUE(pki::VerifyChain(crossed, current_.roots(), Now()).ok());
  // The same, to a root that is made for the occasion.
  config_.clear_signing_ca_cert();
  config_.clear_signing_ca_key();
  config_.set_force_rotate(1);
  const auto forced = Decide();
  ASSERT_TRUE(forced.ok()) << forced.status();
  EXPECT_FALSE(forced->root_rotation().ca_key().empty());
}

TEST_F(ExternalCaTest, FromOneAuthorityToAnotherIsNotSupported) {
  AddAuthority("https://up");
  AddAuthority("https://next", next_.roots_pem());
  Want(next_, false);
  EXPECT_EQ(Refused(), "rotating from one external CA to a different external CA is not supported");
}

TEST_F(ExternalCaTest, WhatAnAuthoritySignedMustBeWhatWasAskedFor) {
  AddAuthority("https://up");
  Want(next_, true);
  const auto useless = [this](const std::string& crossed, const std::string& text) {
    crossed_ = crossed;
    const auto outcome = Decide();
    EXPECT_EQ(outcome.status().code(), Code::kInternal) << outcome.status();
    EXPECT_THAT(
        outcome.status().message(),
        StartsWith("unable to generate a cross-signed certificate for root rotation: " + text));
  };
  useless("garbage", "");
  useless(current_.CrossSign(third_.roots_pem()).value(),
          "the external CA signed another name or key");
  useless(third_.CrossSign(next_.roots_pem()).value(), "");
}

TEST_F(ExternalCaTest, AnIdenticalKeyIsRefused) {
  root_.set_ca_key(current_.KeyPem());
  Want(next_, true);
  config_.set_signing_ca_key(current_.KeyPem());
  EXPECT_THAT(Refused(), HasSubstr("certificate key mismatch"));
}

}  // namespace
}  // namespace swarm::controlapi
