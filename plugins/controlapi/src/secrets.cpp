// Secrets: their data goes in and never comes out again.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "payload_methods.h"

namespace swarm::controlapi {
namespace {

struct SecretKind {
  static constexpr const char* kWord = "secret";
  static constexpr const char* kName = "Secret";
  static constexpr std::size_t kLimit = 512'000;  // SwarmKit's, exclusive
  using Object = pb::Secret;
  using CreateRequest = pb::CreateSecretRequest;
  using GetRequest = pb::GetSecretRequest;
  using UpdateRequest = pb::UpdateSecretRequest;
  using ListRequest = pb::ListSecretsRequest;
  using RemoveRequest = pb::RemoveSecretRequest;
  using RemoveResponse = pb::RemoveSecretResponse;
  using Ptr = std::shared_ptr<const pb::Secret>;

  template <class Request>
  static const std::string& IdOf(const Request& request) {
    return request.secret_id();
  }
  static const pb::Version& VersionOf(const UpdateRequest& r) { return r.secret_version(); }
  static bool HasVersion(const UpdateRequest& r) { return r.has_secret_version(); }
  static By Users(const std::string& id) { return By::ReferencedSecret(id); }

  static Ptr Shown(const Ptr& secret) {
    // A copy of all but the data, which is not copied even for a moment.
    auto out = std::make_shared<pb::Secret>();
    out->set_id(secret->id());
    if (secret->has_meta()) *out->mutable_meta() = secret->meta();
    out->set_internal(secret->internal());
    if (!secret->has_spec()) return out;
    const pb::SecretSpec& spec = secret->spec();
    if (spec.has_annotations()) *out->mutable_spec()->mutable_annotations() = spec.annotations();
    if (spec.has_templating()) *out->mutable_spec()->mutable_templating() = spec.templating();
    if (spec.has_driver()) *out->mutable_spec()->mutable_driver() = spec.driver();
    return out;
  }
  static bool Hidden(const pb::Secret& secret) { return secret.internal(); }

  static Status CheckContent(const pb::SecretSpec& spec) {
    if (!spec.has_driver()) return PayloadMethods<SecretKind>::CheckData(spec.data());
    if (spec.driver().name().empty()) return Invalid("secret driver must have a name");
    // Drivers are plugins of an engine; a manager without one cannot ask any.
    return Plain(
        "plugin getter is nil\nSecret drivers are plugins of an engine, which this manager cannot "
        "reach: store the value itself.");
  }

  static Payload Created(const Ptr& object) {
    return AnswerWith<pb::CreateSecretResponse, pb::Secret>(
        Shown(object), &pb::CreateSecretResponse::unsafe_arena_set_allocated_secret,
        &pb::CreateSecretResponse::unsafe_arena_release_secret);
  }
  static Payload Got(const Ptr& object) {
    return AnswerWith<pb::GetSecretResponse, pb::Secret>(
        Shown(object), &pb::GetSecretResponse::unsafe_arena_set_allocated_secret,
        &pb::GetSecretResponse::unsafe_arena_release_secret);
  }
  static Payload Updated(const Ptr& object) {
    return AnswerWith<pb::UpdateSecretResponse, pb::Secret>(
        Shown(object), &pb::UpdateSecretResponse::unsafe_arena_set_allocated_secret,
        &pb::UpdateSecretResponse::unsafe_arena_release_secret);
  }
  static Payload Listed(std::vector<Ptr> objects) {
    return AnswerWithAll<pb::ListSecretsResponse, pb::Secret>(
        std::move(objects), &pb::ListSecretsResponse::mutable_secrets);
  }
};

}  // namespace

void RegisterSecrets(Registrar& registrar) { PayloadMethods<SecretKind>::Register(registrar); }

}  // namespace swarm::controlapi
