// Configs: like secrets, but larger, and everybody may read them.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "payload_methods.h"

namespace swarm::controlapi {
namespace {

struct ConfigKind {
  static constexpr const char* kWord = "config";
  static constexpr const char* kName = "Config";
  static constexpr std::size_t kLimit = 1'024'000;  // SwarmKit's, exclusive
  using Object = pb::Config;
  using CreateRequest = pb::CreateConfigRequest;
  using GetRequest = pb::GetConfigRequest;
  using UpdateRequest = pb::UpdateConfigRequest;
  using ListRequest = pb::ListConfigsRequest;
  using RemoveRequest = pb::RemoveConfigRequest;
  using RemoveResponse = pb::RemoveConfigResponse;
  using Ptr = std::shared_ptr<const pb::Config>;

  template <class Request>
  static const std::string& IdOf(const Request& request) {
    return request.config_id();
  }
  static const pb::Version& VersionOf(const UpdateRequest& r) { return r.config_version(); }
  static bool HasVersion(const UpdateRequest& r) { return r.has_config_version(); }
  static By Users(const std::string& id) { return By::ReferencedConfig(id); }

  static Ptr Shown(const Ptr& config) { return config; }
  static bool Hidden(const pb::Config&) { return false; }
  static Status CheckContent(const pb::ConfigSpec& spec) {
    return PayloadMethods<ConfigKind>::CheckData(spec.data());
  }

  static Payload Created(const Ptr& object) {
    return AnswerWith<pb::CreateConfigResponse, pb::Config>(
        Shown(object), &pb::CreateConfigResponse::unsafe_arena_set_allocated_config,
        &pb::CreateConfigResponse::unsafe_arena_release_config);
  }
  static Payload Got(const Ptr& object) {
    return AnswerWith<pb::GetConfigResponse, pb::Config>(
        Shown(object), &pb::GetConfigResponse::unsafe_arena_set_allocated_config,
        &pb::GetConfigResponse::unsafe_arena_release_config);
  }
  static Payload Updated(const Ptr& object) {
    return AnswerWith<pb::UpdateConfigResponse, pb::Config>(
        Shown(object), &pb::UpdateConfigResponse::unsafe_arena_set_allocated_config,
        &pb::UpdateConfigResponse::unsafe_arena_release_config);
  }
  static Payload Listed(std::vector<Ptr> objects) {
    return AnswerWithAll<pb::ListConfigsResponse, pb::Config>(
        std::move(objects), &pb::ListConfigsResponse::mutable_configs);
  }
};

}  // namespace

void RegisterConfigs(Registrar& registrar) { PayloadMethods<ConfigKind>::Register(registrar); }

}  // namespace swarm::controlapi
