// Answers that contain objects of the store without copying them.
//
// Objects of the store are immutable and shared, and so are answers. A response message may
// therefore point at the object itself; before the response is destroyed, the pointers are taken
// out of it again, so that the object stays the store's.
#pragma once

#include <google/protobuf/repeated_ptr_field.h>

#include <memory>
#include <utility>
#include <vector>

#include "swarm/rpc.h"

namespace swarm::controlapi {

// A response whose only field is `object`. `set` and `release` are the field's unsafe_arena_
// functions, which move the pointer alone.
template <class Response, class Object>
Payload AnswerWith(std::shared_ptr<const Object> object, void (Response::*set)(Object*),
                   Object* (Response::*release)()) {
  auto* response = new Response;
  (response->*set)(const_cast<Object*>(object.get()));
  return Payload::FromMessage(
      std::shared_ptr<const Response>(response, [object = std::move(object), release](Response* r) {
        (void)(r->*release)();
        delete r;
      }));
}

// A response whose only field is the list of `objects`.
template <class Response, class Object>
Payload AnswerWithAll(std::vector<std::shared_ptr<const Object>> objects,
                      google::protobuf::RepeatedPtrField<Object>* (Response::*field)()) {
  auto* response = new Response;
  auto* list = (response->*field)();
  list->Reserve(static_cast<int>(objects.size()));
  for (const auto& object : objects) {
    list->UnsafeArenaAddAllocated(const_cast<Object*>(object.get()));
  }
  return Payload::FromMessage(
      std::shared_ptr<const Response>(response, [objects = std::move(objects), field](Response* r) {
        auto* owned = (r->*field)();
        owned->UnsafeArenaExtractSubrange(0, owned->size(), nullptr);
        delete r;
      }));
}

// An object that was made for this answer alone.
template <class Response, class Object>
Payload AnswerWithOwn(std::unique_ptr<Object> object, void (Response::*set)(Object*)) {
  auto response = std::make_shared<Response>();
  ((*response).*set)(object.release());
  return Payload::FromMessage(std::move(response));
}

}  // namespace swarm::controlapi
