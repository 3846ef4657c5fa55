#include "engine_client/reactor.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <future>
#include <utility>

#include "client_core.h"
#include "failures.h"
#include "swarm/check.h"

namespace swarm::engine {
namespace {

// Waits keep little: their answer is one short line.
constexpr long kWaitBuffer = 1 << 10;

class ClientImpl final : public Client {
 public:
  ClientImpl(std::shared_ptr<Multi> multi, ClientOptions options)
      : core_(std::make_shared<ClientCore>(std::move(multi), std::move(options))) {}
  ~ClientImpl() override { Stop(); }

  const std::string& address() const noexcept override { return core_->options().address.text; }
  std::optional<ApiVersion> version() const noexcept override { return core_->last_version(); }

  CallHandle Negotiate(Function<void(Reply, ApiVersion)> done,
                       std::optional<Duration> timeout) noexcept override {
    CallParts parts = core_->PingParts(timeout);
    parts.done = [core = core_, done = std::move(done)](Reply reply, const Head& head) mutable {
      Reply result = core->TakePing(std::move(reply), head);
      const ApiVersion version = core->last_version().value_or(ApiVersion{});
      done(std::move(result), version);
    };
    return Start(std::move(parts));
  }

  CallHandle Send(Request request, ReplyDone done) noexcept override {
    CallParts parts = PartsOf(std::move(request), std::move(done));
    parts.sink = MakeBodySink(LimitOf(parts.request));
    if (!parts.timeout) parts.timeout = core_->options().call_timeout;
    return Start(std::move(parts));
  }

  CallHandle Stream(Request request, JsonStream stream) noexcept override {
    CallParts parts =
        StreamParts(std::move(request), std::move(stream.started), std::move(stream.done));
    parts.sink = MakeJsonSink(std::move(stream.object), LimitOf(parts.request));
    return Start(std::move(parts));
  }

  CallHandle Stream(Request request, FrameStream stream) noexcept override {
    CallParts parts =
        StreamParts(std::move(request), std::move(stream.started), std::move(stream.done));
    parts.sink = MakeFrameSink(std::move(stream.frame), stream.format, LimitOf(parts.request));
    return Start(std::move(parts));
  }

  CallHandle Stream(Request request, ByteStream stream) noexcept override {
    CallParts parts =
        StreamParts(std::move(request), std::move(stream.started), std::move(stream.done));
    parts.sink = MakeByteSink(std::move(stream.bytes));
    return Start(std::move(parts));
  }

  CallHandle Wait(Request request, Function<void()> started, ReplyDone done) noexcept override {
    CallParts parts = StreamParts(std::move(request), std::move(started), std::move(done));
    parts.sink = MakeBodySink(LimitOf(parts.request));
    parts.buffer_bytes = kWaitBuffer;
    return Start(std::move(parts));
  }

  void Stop() noexcept override {
    SWARM_CHECK(!core_->multi()->InThread(), "a client is not stopped from its own callbacks");
    std::promise<void> stopped;
    const bool posted = core_->multi()->Post([this, &stopped] {
      core_->Stop();
      stopped.set_value();
    });
    SWARM_CHECK(posted, "the reactor outlives its clients");
    stopped.get_future().wait();
  }

 private:
  std::size_t LimitOf(const Request& request) const {
    return request.limit != 0 ? request.limit : core_->options().limit;
  }

  CallParts PartsOf(Request request, ReplyDone done) const {
    CallParts parts;
    parts.context = core_->Context(request.method, request.path);
    parts.timeout = request.timeout;
    parts.request = std::move(request);
    parts.done = [done = std::move(done)](Reply reply, const Head&) mutable {
      done(std::move(reply));
    };
    return parts;
  }

  CallParts StreamParts(Request request, Function<void()> started, ReplyDone done) const {
    CallParts parts = PartsOf(std::move(request), std::move(done));
    parts.started = std::move(started);
    parts.limit_is_for_head = true;
    return parts;
  }

  CallHandle Start(CallParts parts) const {
    auto call = std::make_shared<CallState>(core_->multi(), std::move(parts));
    core_->multi()->Post([core = core_, call] { core->Begin(call); });
    return MakeHandle(std::move(call));
  }

  const std::shared_ptr<ClientCore> core_;
};

Status Readable(const std::string& path, const char* what) {
  if (path.empty() || access(path.c_str(), R_OK) == 0) return Status::Ok();
  return {Code::kInvalidArgument,
          std::string(what) + " \"" + path + "\" cannot be read: " + std::strerror(errno)};
}

Status CheckTls(const TlsFiles& tls) {
  if (tls.cert.empty() != tls.key.empty())
    return {Code::kInvalidArgument, "a TLS certificate and its key go together: give both"};
  SWARM_RETURN_IF_ERROR(Readable(tls.ca, "the TLS authorities file"));
  SWARM_RETURN_IF_ERROR(Readable(tls.cert, "the TLS certificate"));
  return Readable(tls.key, "the TLS key");
}

Status CheckOptions(const ClientOptions& options) {
  const Address& address = options.address;
  if (address.path.empty() && address.host.empty())
    return {Code::kInvalidArgument, "an engine needs an address: unix:///path or tcp://host:port"};
  if (options.newest_api < options.oldest_api)
    return {Code::kInvalidArgument, "the newest API version is older than the oldest"};
  if (!options.tls) return Status::Ok();
  if (address.local())
    return {Code::kInvalidArgument, "TLS is for tcp:// addresses; a unix socket needs none"};
  return CheckTls(*options.tls);
}

class ReactorImpl final : public Reactor {
 public:
  explicit ReactorImpl(std::shared_ptr<Multi> multi) : multi_(std::move(multi)) {}
  ~ReactorImpl() override { multi_->Stop(); }

  Result<std::unique_ptr<Client>> NewClient(ClientOptions options) noexcept override {
    const Status checked = CheckOptions(options);
    if (!checked.ok()) return checked.WithContext("engine " + options.address.text);
    return std::unique_ptr<Client>(std::make_unique<ClientImpl>(multi_, std::move(options)));
  }
  bool InThread() const noexcept override { return multi_->InThread(); }

 private:
  const std::shared_ptr<Multi> multi_;
};

}  // namespace

Result<std::unique_ptr<Reactor>> Reactor::Make(Runtime& runtime) {
  auto multi = Multi::Make(runtime);
  if (!multi.ok()) return multi.status();
  return std::unique_ptr<Reactor>(std::make_unique<ReactorImpl>(std::move(*multi)));
}

}  // namespace swarm::engine
