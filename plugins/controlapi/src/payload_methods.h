// The methods that secrets and configs have in common: named data that never changes, with labels
// that may. A Kind says what differs: types, words, the limit, who uses it, what answers show.
#pragma once

#include <openssl/crypto.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "answer.h"
#include "filters.h"
#include "names.h"
#include "registrar.h"
#include "swarm/store_errors.h"
#include "swarmkit/v1/control.pb.h"

namespace swarm::controlapi {

// In a time that tells nothing of where they differ.
inline bool SameSecretly(const std::string& a, const std::string& b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

template <class Kind>
struct PayloadMethods {
  using Object = typename Kind::Object;
  using Ptr = std::shared_ptr<const Object>;

  static std::string Word() { return Kind::kWord; }

  static Status MissingId() { return Invalid(Word() + " ID must be provided"); }

  static Status CheckData(const std::string& data) {
    if (!data.empty() && data.size() < Kind::kLimit) return Status::Ok();
    return Invalid(Word() + " data must be larger than 0 and less than " +
                   std::to_string(Kind::kLimit) + " bytes");
  }

  static Status Create(Ptr& created, const typename Kind::CreateRequest& request,
                       const std::string& id, Transaction& tx) {
    auto object = std::make_shared<Object>();
    object->set_id(id);
    *object->mutable_spec() = request.spec();
    const Status status = tx.Create(object);
    created = std::move(object);
    if (!store_errors::Is(status, store_errors::kNameConflict)) return status;
    return {Code::kAlreadyExists,
            Word() + " " + request.spec().annotations().name() + " already exists"};
  }

  static void OnCreate(Call call, std::shared_ptr<const typename Kind::CreateRequest> request) {
    if (!request->has_spec()) return call.reply(InvalidRequest());
    if (const Status bad = CheckSecretName(request->spec().annotations().name()); !bad.ok()) {
      return call.reply(bad);
    }
    if (const Status bad = Kind::CheckContent(request->spec()); !bad.ok()) return call.reply(bad);
    auto created = std::make_shared<Ptr>();
    std::string id = call.backend->NewObjectId();
    Transact(
        std::move(call),
        [created, request, id = std::move(id)](Transaction& tx) {
          return Create(*created, *request, id, tx);
        },
        [created] { return Kind::Created(*created); });
  }

  static Result<Payload> OnGet(const Backend& backend, const typename Kind::GetRequest& request) {
    if (Kind::IdOf(request).empty()) return MissingId();
    const auto object = backend.store().Read()->template Get<Object>(Kind::IdOf(request));
    if (!object) return NotFound(Word(), Kind::IdOf(request));
    return Kind::Got(object);
  }

  static Result<Payload> OnList(const Backend& backend, const typename Kind::ListRequest& request) {
    const auto& f = request.filters();
    const By by = Union()
                      .Or(f.names(), By::Name)
                      .Or(f.name_prefixes(), By::NamePrefix)
                      .Or(f.id_prefixes(), By::IdPrefix)
                      .Done();
    const auto fits = [&f](const Object& object) {
      return !Kind::Hidden(object) && FitsLabels(f.labels(), object.spec().annotations().labels());
    };
    SWARM_ASSIGN_OR_RETURN(auto found, Select<Object>(*backend.store().Read(), by, fits));
    for (auto& object : found) object = Kind::Shown(std::move(object));
    return Kind::Listed(std::move(found));
  }

  static Status Update(Ptr& updated, const typename Kind::UpdateRequest& request, Transaction& tx) {
    const auto stored = tx.template Get<Object>(Kind::IdOf(request));
    if (!stored) return NotFound(Word(), Kind::IdOf(request));
    const auto& wanted = request.spec();
    const bool renamed = wanted.annotations().name() != stored->spec().annotations().name();
    const bool other_data =
        !wanted.data().empty() && !SameSecretly(wanted.data(), stored->spec().data());
    if (renamed || other_data) return Invalid("only updates to Labels are allowed");
    auto object = std::make_shared<Object>(*stored);
    *object->mutable_spec()->mutable_annotations()->mutable_labels() =
        wanted.annotations().labels();
    *object->mutable_meta()->mutable_version() = Kind::VersionOf(request);
    SWARM_RETURN_IF_ERROR(tx.Update(object));
    updated = std::move(object);
    return Status::Ok();
  }

  static void OnUpdate(Call call, std::shared_ptr<const typename Kind::UpdateRequest> request) {
    if (Kind::IdOf(*request).empty() || !Kind::HasVersion(*request) || !request->has_spec()) {
      return call.reply(InvalidRequest());
    }
    auto updated = std::make_shared<Ptr>();
    Transact(
        std::move(call),
        [updated, request](Transaction& tx) { return Update(*updated, *request, tx); },
        [updated] { return Kind::Updated(*updated); });
  }

  static Result<std::vector<std::string>> Users(const std::string& id, const Reader& reader) {
    std::vector<std::string> names;
    SWARM_RETURN_IF_ERROR(
        reader.FindMessages(Table::kService, Kind::Users(id), [&names](const MessagePtr& message) {
          names.push_back(static_cast<const pb::Service&>(*message).spec().annotations().name());
          return true;
        }));
    return names;
  }

  static Status Remove(const std::string& id, Transaction& tx) {
    const auto stored = tx.template Get<Object>(id);
    if (!stored) return {Code::kNotFound, "could not find " + Word() + " " + id};
    SWARM_ASSIGN_OR_RETURN(const auto users, Users(id, tx));
    if (users.empty()) return tx.template Remove<Object>(id);
    std::string text = Word() + " '" + stored->spec().annotations().name() +
                       "' is in use by the following service" + (users.size() > 1 ? "s" : "");
    for (std::size_t i = 0; i < users.size(); ++i) text += (i == 0 ? ": " : ", ") + users[i];
    return Invalid(text);
  }

  static void OnRemove(Call call, std::shared_ptr<const typename Kind::RemoveRequest> request) {
    if (Kind::IdOf(*request).empty()) return call.reply(MissingId());
    Transact(
        std::move(call), [request](Transaction& tx) { return Remove(Kind::IdOf(*request), tx); },
        [] { return Payload::Of(typename Kind::RemoveResponse()); });
  }

  static void Register(Registrar& registrar) {
    const std::string name = Kind::kName;
    registrar.Write<typename Kind::CreateRequest>("Create" + name, OnCreate);
    registrar.Read<typename Kind::GetRequest>("Get" + name, OnGet);
    registrar.Write<typename Kind::UpdateRequest>("Update" + name, OnUpdate);
    registrar.Read<typename Kind::ListRequest>("List" + name + "s", OnList);
    registrar.Write<typename Kind::RemoveRequest>("Remove" + name, OnRemove);
  }
};

}  // namespace swarm::controlapi
