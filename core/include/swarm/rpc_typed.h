// Typed conveniences over rpc.h, for code that knows its messages.
#pragma once

#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "swarm/rpc.h"

namespace swarm {

namespace rpc_internal {

template <class Request, class Fn>
class TypedUnary final : public UnaryHandler {
 public:
  explicit TypedUnary(Fn fn) : fn_(std::move(fn)) {}
  void Handle(CallContextPtr context, Payload payload, UnaryReply reply) noexcept override {
    auto request = payload.As<Request>();
    if (!request.ok()) return reply(request.status());
    fn_(std::move(context), std::move(*request), std::move(reply));
  }

 private:
  Fn fn_;
};

template <class Request, class Fn>
class TypedServerStream final : public StreamHandler {
 public:
  explicit TypedServerStream(Fn fn) : fn_(std::make_shared<Fn>(std::move(fn))) {}
  void Open(ServerStreamPtr stream) noexcept override {
    auto* raw = stream.get();
    raw->Read([fn = fn_, stream = std::move(stream)](std::optional<Payload> payload) mutable {
      if (!payload) return stream->Finish({Code::kInvalidArgument, "no request was sent"});
      auto request = payload->As<Request>();
      if (!request.ok()) return stream->Finish(request.status());
      (*fn)(std::move(stream), std::move(*request));
    });
  }

 private:
  std::shared_ptr<Fn> fn_;
};

}  // namespace rpc_internal

// fn(CallContextPtr, std::shared_ptr<const Request>, UnaryReply); called on any thread, also
// concurrently.
template <class Request, class Fn>
std::shared_ptr<UnaryHandler> MakeUnaryHandler(Fn fn) {
  return std::make_shared<rpc_internal::TypedUnary<Request, Fn>>(std::move(fn));
}

// fn(ServerStreamPtr, std::shared_ptr<const Request>) for methods of one request and many replies.
template <class Request, class Fn>
std::shared_ptr<StreamHandler> MakeServerStreamHandler(Fn fn) {
  return std::make_shared<rpc_internal::TypedServerStream<Request, Fn>>(std::move(fn));
}

// done(Result<std::shared_ptr<const Response>>).
template <class Response, class Request, class Fn>
std::shared_ptr<PendingCall> CallUnary(Channel& channel, std::string_view method,
                                       CallOptions options, Request request, Fn done) {
  return channel.Call(method, std::move(options), Payload::Of(std::move(request)),
                      [done = std::move(done)](Result<Payload> reply) mutable {
                        if (!reply.ok())
                          return done(Result<std::shared_ptr<const Response>>(reply.status()));
                        done(reply->template As<Response>());
                      });
}

}  // namespace swarm
