// Resources: objects of kinds that clients added as extensions.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "answer.h"
#include "filters.h"
#include "registrar.h"
#include "swarm/store_errors.h"
#include "swarmkit/v1/control.pb.h"

namespace swarm::controlapi {
namespace {

using ResourcePtr = std::shared_ptr<const pb::Resource>;

Status MissingId() { return Invalid("resource ID must be present"); }

Status Create(ResourcePtr& created, const pb::CreateResourceRequest& request, const std::string& id,
              Transaction& tx) {
  auto resource = std::make_shared<pb::Resource>();
  resource->set_id(id);
  *resource->mutable_annotations() = request.annotations();
  resource->set_kind(request.kind());
  if (request.has_payload()) *resource->mutable_payload() = request.payload();
  const Status status = tx.Create(resource);
  created = std::move(resource);
  if (store_errors::Is(status, store_errors::kNoKind)) {
    return Invalid("Kind " + request.kind() + " is not registered");
  }
  if (store_errors::Is(status, store_errors::kNameConflict)) {
    return {Code::kAlreadyExists,
            "A resource with name " + request.annotations().name() + " already exists"};
  }
  return status;
}

void CreateResource(Call call, std::shared_ptr<const pb::CreateResourceRequest> request) {
  if (request->annotations().name().empty()) {
    return call.reply(Invalid("Resource must have a name"));
  }
  if (request->kind().empty()) return call.reply(Invalid("Resource must belong to an Extension"));
  auto created = std::make_shared<ResourcePtr>();
  std::string id = call.backend->NewObjectId();
  Transact(
      std::move(call),
      [created, request, id = std::move(id)](Transaction& tx) {
        return Create(*created, *request, id, tx);
      },
      [created] {
        return AnswerWith<pb::CreateResourceResponse, pb::Resource>(
            *created, &pb::CreateResourceResponse::unsafe_arena_set_allocated_resource,
            &pb::CreateResourceResponse::unsafe_arena_release_resource);
      });
}

Result<Payload> GetResource(const Backend& backend, const pb::GetResourceRequest& request) {
  if (request.resource_id().empty()) return MissingId();
  auto resource = backend.store().Read()->Get<pb::Resource>(request.resource_id());
  if (!resource) return NotFound("resource", request.resource_id());
  return AnswerWith<pb::GetResourceResponse, pb::Resource>(
      std::move(resource), &pb::GetResourceResponse::unsafe_arena_set_allocated_resource,
      &pb::GetResourceResponse::unsafe_arena_release_resource);
}

By QueryOf(const pb::ListResourcesRequest::Filters& f) {
  Union names;
  names.Or(f.names(), By::Name).Or(f.name_prefixes(), By::NamePrefix);
  names.Or(f.id_prefixes(), By::IdPrefix);
  return names.empty() && !f.kind().empty() ? By::OfKind(f.kind()) : names.Done();
}

Result<Payload> ListResources(const Backend& backend, const pb::ListResourcesRequest& request) {
  const auto& f = request.filters();
  const auto fits = [&f](const pb::Resource& resource) {
    return (f.kind().empty() || f.kind() == resource.kind()) &&
           FitsLabels(f.labels(), resource.annotations().labels());
  };
  SWARM_ASSIGN_OR_RETURN(auto found,
                         Select<pb::Resource>(*backend.store().Read(), QueryOf(f), fits));
  return AnswerWithAll<pb::ListResourcesResponse, pb::Resource>(
      std::move(found), &pb::ListResourcesResponse::mutable_resources);
}

Status Update(ResourcePtr& updated, const pb::UpdateResourceRequest& request, Transaction& tx) {
  const auto stored = tx.Get<pb::Resource>(request.resource_id());
  if (!stored) return NotFound("resource", request.resource_id());
  if (request.has_annotations() && request.annotations().name() != stored->annotations().name()) {
    return Invalid("cannot change resource name");
  }
  auto resource = std::make_shared<pb::Resource>(*stored);
  if (request.has_annotations()) *resource->mutable_annotations() = request.annotations();
  if (request.has_payload()) *resource->mutable_payload() = request.payload();
  *resource->mutable_meta()->mutable_version() = request.resource_version();
  const Status status = tx.Update(resource);
  updated = std::move(resource);
  if (store_errors::Is(status, store_errors::kSequenceConflict)) return Invalid(status.message());
  return status;
}

void UpdateResource(Call call, std::shared_ptr<const pb::UpdateResourceRequest> request) {
  if (request->resource_id().empty() || !request->has_resource_version()) {
    return call.reply(Invalid("must include ID and version"));
  }
  auto updated = std::make_shared<ResourcePtr>();
  Transact(
      std::move(call),
      [updated, request](Transaction& tx) { return Update(*updated, *request, tx); },
      [updated] {
        return AnswerWith<pb::UpdateResourceResponse, pb::Resource>(
            *updated, &pb::UpdateResourceResponse::unsafe_arena_set_allocated_resource,
            &pb::UpdateResourceResponse::unsafe_arena_release_resource);
      });
}

void RemoveResource(Call call, std::shared_ptr<const pb::RemoveResourceRequest> request) {
  if (request->resource_id().empty()) return call.reply(MissingId());
  Transact(
      std::move(call),
      [request](Transaction& tx) {
        const Status status = tx.Remove<pb::Resource>(request->resource_id());
        if (store_errors::Is(status, store_errors::kNotExist)) {
          return NotFound("resource", request->resource_id());
        }
        return status;
      },
      [] { return Payload::Of(pb::RemoveResourceResponse()); });
}

}  // namespace

void RegisterResources(Registrar& registrar) {
  registrar.Write<pb::CreateResourceRequest>("CreateResource", CreateResource);
  registrar.Read<pb::GetResourceRequest>("GetResource", GetResource);
  registrar.Write<pb::UpdateResourceRequest>("UpdateResource", UpdateResource);
  registrar.Read<pb::ListResourcesRequest>("ListResources", ListResources);
  registrar.Write<pb::RemoveResourceRequest>("RemoveResource", RemoveResource);
}

}  // namespace swarm::controlapi
