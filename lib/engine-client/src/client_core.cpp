#include "client_core.h"

#include <algorithm>
#include <utility>

#include "failures.h"

namespace swarm::engine {

ClientCore::ClientCore(std::shared_ptr<Multi> multi, ClientOptions options)
    : multi_(std::move(multi)), options_(std::move(options)), endpoint_(options_) {}

std::optional<ApiVersion> ClientCore::last_version() const {
  const int packed = last_version_;
  if (packed < 0) return std::nullopt;
  return ApiVersion{packed >> 16, packed & 0xffff};
}

std::string ClientCore::Context(const std::string& method, const std::string& path) const {
  return "engine " + options_.address.text + ": " + method + " " + path;
}

void ClientCore::Begin(const std::shared_ptr<CallState>& call) {
  active_.insert(call);
  call->Begin(*this);
  if (stopped_)
    return call->Finish(Failed(call->context(), Failure::kCancelled, "the client has stopped"));
  LaunchOrWait(call);
}

void ClientCore::LaunchOrWait(const std::shared_ptr<CallState>& call) {
  if (!call->versioned()) return call->Launch(endpoint_, "");
  if (version_) return call->Launch(endpoint_, "/v" + version_->ToString());
  waiting_.push_back(call);
  if (!pinging_) StartPing();
}

CallParts ClientCore::PingParts(std::optional<Duration> timeout) const {
  CallParts parts;
  parts.request = Request::Get("/_ping");
  parts.request.fresh = true;
  parts.context = Context("GET", "/_ping");
  parts.sink = MakeBodySink(64 << 10);
  parts.versioned = false;
  // An engine in good order answers this at once.
  parts.timeout = timeout.value_or(options_.connect_timeout);
  return parts;
}

void ClientCore::StartPing() {
  pinging_ = true;
  CallParts parts = PingParts({});
  parts.done = [self = shared_from_this()](Reply reply, const Head& head) {
    self->TakePing(std::move(reply), head);
  };
  Begin(std::make_shared<CallState>(multi_, std::move(parts)));
}

Reply ClientCore::TakePing(Reply reply, const Head& head) {
  // An engine in trouble answers 500, but still with its version.
  const bool answered = head.status == 200 || head.status >= 500;
  if (answered && !head.api_version.empty()) {
    const std::optional<ApiVersion> newest = ApiVersion::Parse(head.api_version);
    if (!newest || *newest < options_.oldest_api) {
      reply = Failed(reply.context, Failure::kBadVersion,
                     "the engine's newest API version is " + head.api_version +
                         ", and the oldest that can be used is " + options_.oldest_api.ToString() +
                         "; install a newer Docker Engine");
    } else {
      version_ = std::min(*newest, options_.newest_api);
      engine_newest_ = head.api_version;
      last_version_ = version_->major << 16 | version_->minor;
    }
  } else if (reply.ok()) {
    reply = Failed(reply.context, Failure::kGarbage,
                   "the answer has no Api-Version; is the address a Docker Engine's?");
  }
  ReleaseWaiting(reply);
  return reply;
}

void ClientCore::ReleaseWaiting(const Reply& ping) {
  pinging_ = false;
  for (const auto& call : std::exchange(waiting_, {})) {
    if (call->finished()) continue;
    if (version_) {
      LaunchOrWait(call);
      continue;
    }
    // The same failure, as this call's.
    Reply reply = ping;
    reply.context = call->context();
    reply.status = ping.status.WithContext(call->context());
    if (ping.status.message().starts_with(ping.context)) {
      reply.status = Status(ping.status.code(),
                            call->context() + ping.status.message().substr(ping.context.size()));
    }
    call->Finish(std::move(reply));
  }
}

void ClientCore::OnRefusedVersion(const std::shared_ptr<CallState>& call) noexcept {
  version_.reset();
  LaunchOrWait(call);
}

void ClientCore::OnCallEnd(const std::shared_ptr<CallState>& call, const Reply& reply,
                           const Head& head) noexcept {
  active_.erase(call);
  std::erase(waiting_, call);
  if (!call->versioned()) return;
  // The engine that comes back may be another one.
  const bool another = !head.api_version.empty() && head.api_version != engine_newest_;
  if (another || reply.engine_down() || reply.failure == Failure::kBadVersion) version_.reset();
}

void ClientCore::Stop() {
  stopped_ = true;
  while (!active_.empty()) {
    const auto call = *active_.begin();
    call->Finish(Failed(call->context(), Failure::kCancelled, "the client has stopped"));
  }
}

}  // namespace swarm::engine
