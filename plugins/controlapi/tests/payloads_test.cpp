// Secrets and configs: what may go in, what comes out, and who keeps them from being removed.
#include <gtest/gtest.h>

#include "api_fixture.h"

namespace swarm::controlapi {
namespace {

class PayloadsTest : public ApiTest {
 protected:
  Result<pb::Secret> CreateSecret(const std::string& name, const std::string& data) {
    pb::CreateSecretRequest request;
    request.mutable_spec()->mutable_annotations()->set_name(name);
    request.mutable_spec()->set_data(data);
    return CreateSecret(request);
  }
  Result<pb::Secret> CreateSecret(const pb::CreateSecretRequest& request) {
    auto response = Call<pb::CreateSecretResponse>("CreateSecret", request);
    if (!response.ok()) return response.status();
    return response->secret();
  }
  Result<pb::Config> CreateConfig(const std::string& name, const std::string& data) {
    pb::CreateConfigRequest request;
    request.mutable_spec()->mutable_annotations()->set_name(name);
    request.mutable_spec()->set_data(data);
    auto response = Call<pb::CreateConfigResponse>("CreateConfig", request);
    if (!response.ok()) return response.status();
    return response->config();
  }
  Status RemoveSecret(const std::string& id) {
    pb::RemoveSecretRequest request;
    request.set_secret_id(id);
    return Call<pb::RemoveSecretResponse>("RemoveSecret", request).status();
  }
  Result<pb::Secret> UpdateSecret(const pb::Secret& secret,
                                  const std::function<void(pb::SecretSpec&)>& edit) {
    pb::UpdateSecretRequest request;
    request.set_secret_id(secret.id());
    *request.mutable_secret_version() = secret.meta().version();
    *request.mutable_spec() = secret.spec();
    edit(*request.mutable_spec());
    auto response = Call<pb::UpdateSecretResponse>("UpdateSecret", request);
    if (!response.ok()) return response.status();
    return response->secret();
  }
  std::vector<std::string> Names(const pb::ListSecretsRequest& request) {
    const auto found = Call<pb::ListSecretsResponse>("ListSecrets", request);
    EXPECT_TRUE(found.ok()) << found.status();
    std::vector<std::string> names;
    for (const auto& s : found->secrets()) {
      EXPECT_EQ(s.spec().data(), "");
      names.push_back(s.spec().annotations().name());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  void AddUser(const std::string& name, const pb::Secret& secret) {
    pb::Service service;
    service.set_id("id-" + name);
    *service.mutable_spec() = ASpec(name);
    auto* reference = service.mutable_spec()->mutable_task()->mutable_container()->add_secrets();
    reference->set_secret_id(secret.id());
    reference->set_secret_name(secret.spec().annotations().name());
    reference->mutable_file()->set_name("pw");
    Put(service);
  }
};

using Texts = std::vector<std::string>;

// Pinned by SwarmKit: names of secrets and configs.
TEST_F(PayloadsTest, NamesAreCheckedAsPeersDo) {
  for (const std::string& good :
       Texts{"0", "a", "B", "name-with--dashes", "name.with..dots", "name_with__underscores",
             "name.with-all_special", std::string(64, 'a')}) {
    EXPECT_TRUE(CreateSecret(good, "x").ok()) << good;
    EXPECT_TRUE(CreateConfig(good, "x").ok()) << good;
  }
  for (const std::string& bad :
       Texts{".", "-", "_", ".a", "a.", "-a", "a-", "_a", "a_", "a/b", "..", "a!", "a b", "a\n",
             "a@b", "a:b", "a;b", "\xc3\xa9", std::string(65, 'a')}) {
    EXPECT_EQ(CreateSecret(bad, "x").status(),
              Status(Code::kInvalidArgument,
                     "invalid name, only 64 [a-zA-Z0-9-_.] characters allowed, and the start and "
                     "end character must be [a-zA-Z0-9]"))
        << bad;
    EXPECT_EQ(CreateConfig(bad, "x").status().code(), Code::kInvalidArgument) << bad;
  }
  EXPECT_EQ(CreateSecret("", "x").status(),
            Status(Code::kInvalidArgument, "name must be provided"));
  EXPECT_EQ(CreateSecret(pb::CreateSecretRequest()).status(),
            Status(Code::kInvalidArgument, "invalid argument"));
}

// Pinned by SwarmKit: sizes of data.
TEST_F(PayloadsTest, DataHasLimits) {
  EXPECT_TRUE(CreateSecret("one", std::string(1, '\0')).ok());
  EXPECT_TRUE(CreateSecret("most", std::string(511'999, 's')).ok());
  for (const std::size_t size : {std::size_t{0}, std::size_t{512'000}}) {
    EXPECT_EQ(CreateSecret("wrong", std::string(size, 's')).status(),
              Status(Code::kInvalidArgument,
                     "secret data must be larger than 0 and less than 512000 bytes"));
  }
  EXPECT_TRUE(CreateConfig("most", std::string(1'023'999, 'c')).ok());
  for (const std::size_t size : {std::size_t{0}, std::size_t{1'024'000}}) {
    EXPECT_EQ(CreateConfig("wrong", std::string(size, 'c')).status(),
              Status(Code::kInvalidArgument,
                     "config data must be larger than 0 and less than 1024000 bytes"));
  }
}

TEST_F(PayloadsTest, ADriverMustHaveANameAndAnEngine) {
  pb::CreateSecretRequest request;
  request.mutable_spec()->mutable_annotations()->set_name("pw");
  request.mutable_spec()->mutable_driver();
  EXPECT_EQ(CreateSecret(request).status(),
            Status(Code::kInvalidArgument, "secret driver must have a name"));
  request.mutable_spec()->mutable_driver()->set_name("vault");
  const Status refused = CreateSecret(request).status();
  EXPECT_EQ(refused.code(), Code::kUnknown);
  EXPECT_TRUE(refused.message().starts_with("plugin getter is nil\n")) << refused;
}

TEST_F(PayloadsTest, ATakenNameIsRefusedWhateverItsCase) {
  ASSERT_TRUE(CreateSecret("pw", "x").ok());
  EXPECT_EQ(CreateSecret("PW", "y").status(),
            Status(Code::kAlreadyExists, "secret PW already exists"));
  ASSERT_TRUE(CreateConfig("pw", "x").ok());
  EXPECT_EQ(CreateConfig("pw", "y").status(),
            Status(Code::kAlreadyExists, "config pw already exists"));
}

// Pinned by SwarmKit: a secret's data is in the store and in no answer.
TEST_F(PayloadsTest, SecretDataNeverComesOut) {
  const auto created = CreateSecret("pw", "s3cret");
  ASSERT_TRUE(created.ok());
  EXPECT_EQ(created->spec().data(), "");
  EXPECT_TRUE(created->meta().has_version());
  EXPECT_EQ(Stored<pb::Secret>(created->id())->spec().data(), "s3cret");
  pb::GetSecretRequest get;
  get.set_secret_id(created->id());
  EXPECT_EQ(Call<pb::GetSecretResponse>("GetSecret", get)->secret().SerializeAsString(),
            created->SerializeAsString());
  EXPECT_EQ(Names(pb::ListSecretsRequest()), Texts{"pw"});
  const auto updated =
      UpdateSecret(*created, [](auto& s) { (*s.mutable_annotations()->mutable_labels())["a"]; });
  ASSERT_TRUE(updated.ok()) << updated.status();
  EXPECT_EQ(updated->spec().data(), "");
  EXPECT_EQ(Stored<pb::Secret>(created->id())->spec().data(), "s3cret");
}

TEST_F(PayloadsTest, ConfigDataIsShown) {
  const auto created = CreateConfig("app", "text");
  ASSERT_TRUE(created.ok());
  EXPECT_EQ(created->spec().data(), "text");
  pb::GetConfigRequest get;
  get.set_config_id(created->id());
  EXPECT_EQ(Call<pb::GetConfigResponse>("GetConfig", get)->config().spec().data(), "text");
  const auto all = Call<pb::ListConfigsResponse>("ListConfigs", pb::ListConfigsRequest());
  EXPECT_EQ(all->configs(0).spec().data(), "text");
}

// Pinned by SwarmKit: only labels change.
TEST_F(PayloadsTest, OnlyLabelsChange) {
  const auto created = CreateSecret("pw", "s3cret");
  const auto relabel = [](pb::SecretSpec& s) {
    (*s.mutable_annotations()->mutable_labels())["stage"] = "test";
  };
  const Status refused(Code::kInvalidArgument, "only updates to Labels are allowed");
  EXPECT_EQ(UpdateSecret(*created, [](auto& s) { s.set_data("other"); }).status(), refused);
  EXPECT_EQ(
      UpdateSecret(*created, [](auto& s) { s.mutable_annotations()->set_name("n"); }).status(),
      refused);
  const auto same = UpdateSecret(*created, [&relabel](auto& s) {
    s.set_data("s3cret");
    s.mutable_templating()->set_name("golang");
    relabel(s);
  });
  ASSERT_TRUE(same.ok()) << same.status();
  EXPECT_EQ(same->spec().annotations().labels().at("stage"), "test");
  EXPECT_FALSE(same->spec().has_templating());
  EXPECT_EQ(UpdateSecret(*created, relabel).status().message(), "update out of sequence");
  pb::UpdateSecretRequest request;
  request.set_secret_id(created->id());
  *request.mutable_secret_version() = same->meta().version();
  EXPECT_EQ(Call<pb::UpdateSecretResponse>("UpdateSecret", request).status(),
            Status(Code::kInvalidArgument, "invalid argument"));
  request.set_secret_id("nope");
  request.mutable_spec();
  EXPECT_EQ(Call<pb::UpdateSecretResponse>("UpdateSecret", request).status(),
            Status(Code::kNotFound, "secret nope not found"));
}

// Pinned by SwarmKit: removal while services use it.
TEST_F(PayloadsTest, WhatIsInUseIsNotRemoved) {
  const auto pw = CreateSecret("pw", "x");
  AddUser("a", *pw);
  EXPECT_EQ(RemoveSecret(pw->id()),
            Status(Code::kInvalidArgument, "secret 'pw' is in use by the following service: a"));
  AddUser("b", *pw);
  EXPECT_EQ(
      RemoveSecret(pw->id()),
      Status(Code::kInvalidArgument, "secret 'pw' is in use by the following services: a, b"));
  const auto free = CreateSecret("free", "x");
  EXPECT_TRUE(RemoveSecret(free->id()).ok());
  EXPECT_EQ(RemoveSecret(free->id()),
            Status(Code::kNotFound, "could not find secret " + free->id()));
  EXPECT_EQ(RemoveSecret(""), Status(Code::kInvalidArgument, "secret ID must be provided"));
  pb::RemoveConfigRequest config;
  EXPECT_EQ(Call<pb::RemoveConfigResponse>("RemoveConfig", config).status().message(),
            "config ID must be provided");
}

// Pinned by SwarmKit: names, prefixes and id prefixes are any of, labels all of.
TEST_F(PayloadsTest, ListsByFilters) {
  for (const std::string& name : Texts{"aa", "ab", "b"}) {
    pb::CreateSecretRequest request;
    request.mutable_spec()->mutable_annotations()->set_name(name);
    if (name != "ab") (*request.mutable_spec()->mutable_annotations()->mutable_labels())["l"] = "v";
    request.mutable_spec()->set_data("x");
    ASSERT_TRUE(CreateSecret(request).ok());
  }
  pb::ListSecretsRequest request;
  auto* f = request.mutable_filters();
  f->add_names("B");
  EXPECT_EQ(Names(request), Texts{"b"});
  f->add_name_prefixes("a");
  EXPECT_EQ(Names(request), (Texts{"aa", "ab", "b"}));
  (*f->mutable_labels())["l"] = "";
  EXPECT_EQ(Names(request), (Texts{"aa", "b"}));
  (*f->mutable_labels())["l"] = "other";
  EXPECT_EQ(Names(request), Texts{});
}

// Pinned by SwarmKit: internal secrets are in no list.
TEST_F(PayloadsTest, InternalSecretsAreInNoList) {
  pb::Secret secret;
  secret.set_id("internal-id");
  secret.mutable_spec()->mutable_annotations()->set_name("hidden");
  secret.mutable_spec()->set_data("x");
  secret.set_internal(true);
  Put(secret);
  pb::ListSecretsRequest request;
  EXPECT_EQ(Names(request), Texts{});
  request.mutable_filters()->add_names("hidden");
  request.mutable_filters()->add_id_prefixes("internal");
  EXPECT_EQ(Names(request), Texts{});
  pb::GetSecretRequest get;
  get.set_secret_id("internal-id");
  EXPECT_TRUE(Call<pb::GetSecretResponse>("GetSecret", get).ok());
  get.set_secret_id("nope");
  EXPECT_EQ(Call<pb::GetSecretResponse>("GetSecret", get).status(),
            Status(Code::kNotFound, "secret nope not found"));
}

}  // namespace
}  // namespace swarm::controlapi
