// Extensions: kinds of objects that clients add, see resources.
#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>

#include "answer.h"
#include "registrar.h"
#include "swarm/store_errors.h"
#include "swarmkit/v1/control.pb.h"

namespace swarm::controlapi {
namespace {

using ExtensionPtr = std::shared_ptr<const pb::Extension>;

// Resources named when an extension is still in use.
constexpr std::size_t kNamedUsers = 10;
constexpr std::array<std::string_view, 10> kBuiltInKinds = {
    "cluster",  "config", "extension", "network", "node",
    "resource", "secret", "service",   "task",    "volume"};

bool IsBuiltIn(std::string_view kind) {
  return std::find(kBuiltInKinds.begin(), kBuiltInKinds.end(), kind) != kBuiltInKinds.end();
}

Status MissingId() { return Invalid("extension ID must be provided"); }

Status Taken(const std::string& name) {
  return {Code::kAlreadyExists, "extension " + name + " already exists"};
}

Status Create(ExtensionPtr& created, const pb::CreateExtensionRequest& request,
              const std::string& id, Transaction& tx) {
  auto extension = std::make_shared<pb::Extension>();
  extension->set_id(id);
  *extension->mutable_annotations() = request.annotations();
  extension->set_description(request.description());
  const Status status = tx.Create(extension);
  created = std::move(extension);
  if (store_errors::Is(status, store_errors::kNameConflict)) {
    return Taken(request.annotations().name());
  }
  if (status.ok()) return status;
  return {Code::kInternal, "could not create extension: " + status.message()};
}

void CreateExtension(Call call, std::shared_ptr<const pb::CreateExtensionRequest> request) {
  const std::string& name = request->annotations().name();
  if (name.empty()) return call.reply(Invalid("extension name must be provided"));
  if (IsBuiltIn(name)) return call.reply(Taken(name));
  auto created = std::make_shared<ExtensionPtr>();
  std::string id = call.backend->NewObjectId();
  Transact(
      std::move(call),
      [created, request, id = std::move(id)](Transaction& tx) {
        return Create(*created, *request, id, tx);
      },
      [created] {
        return AnswerWith<pb::CreateExtensionResponse, pb::Extension>(
            *created, &pb::CreateExtensionResponse::unsafe_arena_set_allocated_extension,
            &pb::CreateExtensionResponse::unsafe_arena_release_extension);
      });
}

Result<Payload> GetExtension(const Backend& backend, const pb::GetExtensionRequest& request) {
  if (request.extension_id().empty()) return MissingId();
  auto extension = backend.store().Read()->Get<pb::Extension>(request.extension_id());
  if (!extension) return NotFound("extension", request.extension_id());
  return AnswerWith<pb::GetExtensionResponse, pb::Extension>(
      std::move(extension), &pb::GetExtensionResponse::unsafe_arena_set_allocated_extension,
      &pb::GetExtensionResponse::unsafe_arena_release_extension);
}

Status CheckUnused(const std::string& name, const Reader& reader) {
  std::string users;
  std::size_t count = 0;
  SWARM_RETURN_IF_ERROR(
      reader.FindMessages(Table::kResource, By::OfKind(name), [&](const MessagePtr& message) {
        users += (count == 0 ? "" : ", ") +
                 static_cast<const pb::Resource&>(*message).annotations().name();
        return ++count < kNamedUsers;
      }));
  if (count == 0) return Status::Ok();
  return Invalid("extension '" + name + "' is in use by the following resource" +
                 (count > 1 ? "s" : "") + ": " + users);
}

Status Remove(const std::string& id, Transaction& tx) {
  const auto extension = tx.Get<pb::Extension>(id);
  if (!extension) return {Code::kNotFound, "could not find extension " + id};
  SWARM_RETURN_IF_ERROR(CheckUnused(extension->annotations().name(), tx));
  return tx.Remove<pb::Extension>(id);
}

void RemoveExtension(Call call, std::shared_ptr<const pb::RemoveExtensionRequest> request) {
  if (request->extension_id().empty()) return call.reply(MissingId());
  Transact(
      std::move(call), [request](Transaction& tx) { return Remove(request->extension_id(), tx); },
      [] { return Payload::Of(pb::RemoveExtensionResponse()); });
}

}  // namespace

void RegisterExtensions(Registrar& registrar) {
  registrar.Write<pb::CreateExtensionRequest>("CreateExtension", CreateExtension);
  registrar.Read<pb::GetExtensionRequest>("GetExtension", GetExtension);
  registrar.Write<pb::RemoveExtensionRequest>("RemoveExtension", RemoveExtension);
}

}  // namespace swarm::controlapi
