#include "fake_engine.h"

#include <algorithm>
#include <utility>

#include "json_read.h"
#include "names.h"

namespace swarm::executor_docker {
namespace {

using engine::Failure;
using engine::Reply;
using nlohmann::json;

std::string Unescape(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      out += static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::vector<std::string> PartsOf(const std::string& path) {
  std::vector<std::string> out;
  for (std::size_t begin = 1; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    out.push_back(Unescape(path.substr(begin, end - begin)));
    begin = end + 1;
  }
  return out;
}

std::string QueryOf(const engine::Request& request, const std::string& key) {
  for (const auto& [name, value] : request.query) {
    if (name == key) return value;
  }
  return "";
}

Failure FailureOf(int status) {
  switch (status) {
    case 401:
      return Failure::kUnauthorized;
    case 403:
      return Failure::kForbidden;
    case 404:
      return Failure::kNotFound;
    case 409:
      return Failure::kConflict;
    case 501:
      return Failure::kNotImplemented;
    default:
      return status < 500 ? Failure::kBadRequest : Failure::kServerError;
  }
}

Code CodeOf(Failure failure) {
  switch (failure) {
    case Failure::kNone:
      return Code::kOk;
    case Failure::kForbidden:
      return Code::kPermissionDenied;
    case Failure::kNotFound:
      return Code::kNotFound;
    case Failure::kConflict:
      return Code::kFailedPrecondition;
    case Failure::kBadRequest:
      return Code::kInvalidArgument;
    case Failure::kUnreachable:
    case Failure::kConnectionLost:
      return Code::kUnavailable;
    case Failure::kTimedOut:
      return Code::kDeadlineExceeded;
    case Failure::kCancelled:
      return Code::kCancelled;
    default:
      return Code::kInternal;
  }
}

Reply Broken(Failure failure, const std::string& message) {
  Reply reply;
  reply.failure = failure;
  reply.status = {CodeOf(failure), "engine fake: " + message};
  return reply;
}

Reply ReplyOf(int status, const std::string& body) {
  Reply reply;
  reply.http_status = status;
  if (status < 400) {
    reply.body = body;
    return reply;
  }
  reply.failure = FailureOf(status);
  reply.engine_message = body;
  reply.status = {CodeOf(reply.failure), "engine fake: " + body};
  return reply;
}

}  // namespace

// A call under way: ends once.
struct FakeEngine::Stream {
  std::string path;
  engine::JsonStream json;
  engine::FrameStream frames;
  engine::ReplyDone done;
  std::unique_ptr<Timer> timer;
  bool ended = false;

  void End(Reply reply) {
    if (std::exchange(ended, true)) return;
    timer.reset();
    if (done) done(std::move(reply));
  }
};

class FakeClient final : public engine::Client {
 public:
  explicit FakeClient(FakeEngine& engine) : engine_(engine) {}
  ~FakeClient() override { Stop(); }

  const std::string& address() const noexcept override { return address_; }
  engine::CallHandle Negotiate(Function<void(Reply, engine::ApiVersion)> done,
                               std::optional<Duration>) noexcept override {
    engine::Request ping = engine::Request::Get("/_ping");
    return Send(std::move(ping), [this, done = std::move(done)](Reply reply) mutable {
      done(std::move(reply), engine_.version);
    });
  }
  std::optional<engine::ApiVersion> version() const noexcept override { return engine_.version; }

  engine::CallHandle Send(engine::Request request, engine::ReplyDone done) noexcept override {
    auto call = Begin(request);
    call->done = std::move(done);
    const std::string line = request.method + " " + Unescape(request.path);
    engine_.calls.push_back(line);
    if (engine_.down_ || (engine_.leaving_ && request.fresh))
      return After({}, call, Broken(Failure::kUnreachable, "connection refused"));
    if (engine_.hung_) {
      const Duration limit = request.timeout.value_or(std::chrono::minutes(1));
      return After(limit, call, Broken(Failure::kTimedOut, "no answer in time"));
    }
    const auto answer = engine_.Handle(request);
    if (!engine_.lose_.empty() && line.starts_with(engine_.lose_)) {
      engine_.lose_.clear();
      return After({}, call, Broken(Failure::kConnectionLost, "connection reset"));
    }
    return After(answer.delay, call, ReplyOf(answer.status, answer.body));
  }

  engine::CallHandle Stream(engine::Request request, engine::JsonStream stream) noexcept override {
    auto call = Begin(request);
    call->json = std::move(stream);
    call->done = std::move(call->json.done);
    engine_.calls.push_back(request.method + " " + request.path);
    if (engine_.down_) return After({}, call, Broken(Failure::kUnreachable, "connection refused"));
    if (engine_.hung_) {
      return After(request.timeout.value_or(std::chrono::minutes(1)), call,
                   Broken(Failure::kTimedOut, "no answer in time"));
    }
    if (request.path == "/events") return Events(request, call);
    return Pull(request, call);
  }
  engine::CallHandle Stream(engine::Request request, engine::FrameStream stream) noexcept override {
    auto call = Begin(request);
    call->frames = std::move(stream);
    call->done = std::move(call->frames.done);
    engine_.calls.push_back(request.method + " " + request.path);
    engine_.loop_->Post([call] {
      for (const char* text : {"2026-11-21T05:03:34.000000001Z out\n"}) {
        call->frames.frame({engine::Frame::kStdout, text});
      }
      call->frames.frame({engine::Frame::kStderr, "2026-11-21T05:03:34.000000002Z err\n"});
      call->End({});
    });
    return HandleOf(call);
  }
  engine::CallHandle Stream(engine::Request request, engine::ByteStream stream) noexcept override {
    auto call = Begin(request);
    call->done = std::move(stream.done);
    return After({}, call, ReplyOf(404, "no such thing"));
  }
  engine::CallHandle Wait(engine::Request request, Function<void()>,
                          engine::ReplyDone done) noexcept override {
    return Send(std::move(request), std::move(done));
  }
  void Stop() noexcept override {
    for (auto& weak : std::exchange(calls_, {})) {
      if (auto call = weak.lock()) call->End(Broken(Failure::kCancelled, "stopped"));
    }
  }

 private:
  using CallPtr = std::shared_ptr<FakeEngine::Stream>;
  class Handle final : public engine::Call {
   public:
    Handle(Loop& loop, CallPtr call) : loop_(loop), call_(std::move(call)) {}
    ~Handle() override { Cancel(); }
    void Cancel() noexcept override {
      loop_.Post([call = call_] { call->End(Broken(Failure::kCancelled, "cancelled")); });
    }
    void Pause() noexcept override {}
    void Resume() noexcept override {}
    void ResumeUpload() noexcept override {}

   private:
    Loop& loop_;
    CallPtr call_;
  };

  CallPtr Begin(const engine::Request& request) {
    auto call = std::make_shared<FakeEngine::Stream>();
    call->path = request.path;
    calls_.push_back(call);
    return call;
  }
  engine::CallHandle HandleOf(const CallPtr& call) {
    return std::make_unique<Handle>(*engine_.loop_, call);
  }
  engine::CallHandle After(Duration delay, const CallPtr& call, Reply reply) {
    call->timer = engine_.loop_->After(
        delay, [call, reply = std::move(reply)]() mutable { call->End(std::move(reply)); });
    return HandleOf(call);
  }

  engine::CallHandle Events(const engine::Request& request, const CallPtr& call) {
    EXPECT_TRUE_(QueryOf(request, "since") == "0");
    engine_.streams_.push_back(call);
    engine_.loop_->Post([call, past = engine_.remembered_] {
      if (call->ended) return;
      call->json.started();
      for (json event : past) call->json.object(event);
    });
    return HandleOf(call);
  }

  engine::CallHandle Pull(const engine::Request& request, const CallPtr& call) {
    const std::string image = QueryOf(request, "fromImage") + ":" + QueryOf(request, "tag");
    for (const auto& [key, value] : request.headers) {
      if (key == "X-Registry-Auth") engine_.auths.push_back(value);
    }
    const auto found = engine_.registry.find(image);
    const std::string error = found == engine_.registry.end() ? "manifest unknown" : found->second;
    call->timer = engine_.loop_->After(engine_.pull_time, [this, call, image, error] {
      json progress = {{"status", "Pulling"}};
      call->json.object(progress);
      json last = error.empty() ? json{{"status", "Downloaded"}}
                                : json{{"error", error}, {"errorDetail", {{"message", error}}}};
      if (error.empty()) engine_.images.insert(image);
      call->json.object(last);
      call->End({});
    });
    return HandleOf(call);
  }

  static void EXPECT_TRUE_(bool holds) {
    if (!holds) std::abort();
  }

  FakeEngine& engine_;
  const std::string address_ = "unix:///fake";
  std::vector<std::weak_ptr<FakeEngine::Stream>> calls_;
};

FakeEngine::FakeEngine(Runtime& runtime)
    : runtime_(runtime), loop_(runtime.NewLoop("fake-engine", LoopKind::kShared)) {
  info = {{"Name", "engine-1"},       {"OSType", "linux"},
          {"Architecture", "x86_64"}, {"NCPU", 2},
          {"MemTotal", 8000000000},   {"ServerVersion", "20.10.24"},
          {"Labels", {"disk=ssd"}},   {"Plugins", {{"Volume", {"local"}}, {"Log", {"json-file"}}}}};
}

FakeEngine::~FakeEngine() { loop_->Stop(); }

std::unique_ptr<engine::Client> FakeEngine::Connect() {
  return std::make_unique<FakeClient>(*this);
}

void FakeEngine::GoDown() {
  down_ = true;
  for (auto& weak : std::exchange(streams_, {})) {
    if (auto stream = weak.lock())
      stream->End(Broken(Failure::kConnectionLost, "connection reset"));
  }
}

void FakeEngine::Leave() {
  leaving_ = true;
  for (auto& [id, container] : containers) {
    if (container.state == "running") Exit(container, 0);
  }
}

void FakeEngine::ComeBack(bool killed) {
  down_ = leaving_ = false;
  remembered_.clear();
  if (!killed) return;
  for (auto& [id, container] : containers) {
    if (container.state != "running") continue;
    container.state = "exited";
    container.pid = 0;
    container.exit_code = 255;
    container.end.reset();
  }
}

void FakeEngine::Exit(FakeContainer& container, int code) {
  container.state = "exited";
  container.pid = 0;
  container.exit_code = code;
  container.end.reset();
  Tell(container, "die");
}

void FakeEngine::SetHealth(FakeContainer& container, const std::string& health) {
  container.health = health;
  Tell(container, "health_status: " + health);
}

void FakeEngine::Destroy(const std::string& id) {
  const auto gone = containers.extract(id);
  if (!gone.empty()) Tell(gone.mapped(), "destroy");
}

void FakeEngine::FailNext(std::string call, int http_status, std::string message) {
  failing_.push_back({std::move(call), http_status, std::move(message)});
}

FakeContainer* FakeEngine::OfTask(const std::string& task_id) {
  for (auto& [id, container] : containers) {
    if (Text(At(At(container.body, "Labels"), std::string(kLabelTaskId).c_str())) == task_id)
      return &container;
  }
  return nullptr;
}

int FakeEngine::Count(const std::string& call) const {
  return static_cast<int>(std::count_if(
      calls.begin(), calls.end(), [&](const std::string& one) { return one.starts_with(call); }));
}

int FakeEngine::event_streams() const {
  int count = 0;
  for (const auto& weak : streams_) {
    const auto stream = weak.lock();
    if (stream && !stream->ended) ++count;
  }
  return count;
}

void FakeEngine::Tell(const FakeContainer& container, const std::string& action) {
  json event = {{"Type", "container"},
                {"Action", action},
                {"Actor", {{"ID", container.id}, {"Attributes", At(container.body, "Labels")}}}};
  remembered_.push_back(event);
  if (muted_) return;
  for (auto& weak : streams_) {
    auto stream = weak.lock();
    if (!stream || stream->ended) continue;
    loop_->Post([stream, event]() mutable {
      if (!stream->ended) stream->json.object(event);
    });
  }
}

json FakeEngine::Inspect(const FakeContainer& container) const {
  json ports = json::object();
  const json& host = At(container.body, "HostConfig");
  if (container.state == "running") {
    for (const auto& [key, bindings] : At(host, "PortBindings").items()) {
      for (const json& binding : bindings) {
        const std::string asked = Text(At(binding, "HostPort"));
        const std::string port = asked.empty() ? "32768" : asked;
        ports[key].push_back({{"HostIp", "0.0.0.0"}, {"HostPort", port}});
        ports[key].push_back({{"HostIp", "::"}, {"HostPort", port}});
      }
    }
  }
  json state = {{"Status", container.state},
                {"Pid", container.pid},
                {"ExitCode", container.exit_code},
                {"OOMKilled", container.out_of_memory},
                {"Error", container.error}};
  if (!container.health.empty()) {
    // With the container the checks end, which engines call unhealthy too.
    const bool running = container.state == "running";
    const bool failing = running && container.health == "unhealthy";
    state["Health"] = {{"Status", running ? container.health : "unhealthy"},
                       {"FailingStreak", failing ? 3 : 0}};
  }
  json networks = json::object();
  for (const std::string& name : container.networks) networks[name] = json::object();
  return {{"Id", container.id},
          {"Name", "/" + container.name},
          {"State", state},
          {"Config",
           {{"Labels", At(container.body, "Labels")}, {"Tty", Flag(At(container.body, "Tty"))}}},
          {"NetworkSettings", {{"Ports", ports}, {"Networks", networks}}}};
}

FakeEngine::Answer FakeEngine::Handle(const engine::Request& request) {
  const std::string line = request.method + " " + Unescape(request.path);
  if (!leave_at_.empty() && line.starts_with(leave_at_)) {
    leave_at_.clear();
    Leave();
    return {500, "failed to update store for object type *libnetwork.endpoint", {}};
  }
  for (auto failing = failing_.begin(); failing != failing_.end(); ++failing) {
    if (!line.starts_with(failing->call)) continue;
    Answer answer{failing->status, failing->message, {}};
    failing_.erase(failing);
    return answer;
  }
  const std::vector<std::string> parts = PartsOf(request.path);
  if (parts[0] == "containers") return HandleContainers(request, parts);
  if (parts[0] == "networks") return HandleNetworks(request, parts);
  if (parts[0] == "_ping") return {200, "OK", {}};
  if (parts[0] == "info") return {200, info.dump(), {}};
  if (parts[0] == "plugins") return {200, "[]", {}};
  if (parts[0] == "volumes") {
    volumes.push_back(json::parse(request.body));
    return {201, "{}", {}};
  }
  if (parts[0] == "images") {
    const std::string image = parts[1];
    if (images.contains(image)) return {200, "{}", {}};
    return {404, "No such image: " + image, {}};
  }
  return {404, "page not found", {}};
}

FakeEngine::Answer FakeEngine::HandleNetworks(const engine::Request& request,
                                              const std::vector<std::string>& parts) {
  if (parts[1] == "create") {
    const json body = json::parse(request.body);
    const std::string name = Text(body["Name"]);
    if (networks.contains(name)) return {409, "network with name " + name + " already exists", {}};
    networks[name] = body;
    return {201, R"({"Id":"n"})", {}};
  }
  const auto found = networks.find(parts[1]);
  if (found == networks.end()) return {404, "network " + parts[1] + " not found", {}};
  if (request.method == "DELETE") {
    for (const auto& [id, container] : containers) {
      if (container.state == "running" && container.networks.contains(parts[1]))
        return {403, "error while removing network: it has active endpoints", {}};
    }
    networks.erase(found);
    return {204, "", {}};
  }
  if (parts.size() > 2) {  // connect
    const auto container = containers.find(Text(json::parse(request.body)["Container"]));
    if (container == containers.end()) return {404, "No such container", {}};
    container->second.networks.insert(parts[1]);
    return {200, "", {}};
  }
  return {200, found->second.dump(), {}};
}

FakeEngine::Answer FakeEngine::Create(const engine::Request& request) {
  FakeContainer container;
  container.name = QueryOf(request, "name");
  container.body = json::parse(request.body);
  for (const auto& [id, other] : containers) {
    if (other.name != container.name) continue;
    return {409,
            "Conflict. The container name \"/" + container.name +
                "\" is already in use by container \"" + id +
                "\". You have to remove (or rename) that container to be able to reuse that name.",
            {}};
  }
  const std::string image = Text(container.body["Image"]);
  if (!images.contains(image)) return {404, "No such image: " + image, {}};
  container.id = "c" + std::to_string(next_id_++);
  for (const auto& [name, endpoint] :
       At(At(container.body, "NetworkingConfig"), "EndpointsConfig").items()) {
    container.networks.insert(name);
  }
  const std::string id = container.id;
  containers.emplace(id, std::move(container));
  return {201, json{{"Id", id}, {"Warnings", json::array()}}.dump(), {}};
}

FakeEngine::Answer FakeEngine::Start(FakeContainer& container) {
  if (container.state == "running") return {304, "", {}};
  for (const std::string& network : container.networks) {
    if (!networks.contains(network)) return {404, "network " + network + " not found", {}};
  }
  const json& words = At(container.body, "Entrypoint").is_array() ? At(container.body, "Entrypoint")
                                                                  : At(container.body, "Cmd");
  const std::string what = words.empty() ? "forever" : Text(words[0]);
  if (what == "broken") {
    container.exit_code = 127;
    container.error = "exec: \"broken\": executable file not found in $PATH";
    return {400, container.error, {}};
  }
  container.state = "running";
  container.pid = 1000 + next_id_++;
  if (At(container.body, "Healthcheck").is_object()) container.health = "starting";
  Tell(container, "start");
  if (what == "exit") {
    const int code = std::stoi(Text(words[1]));
    container.end = loop_->After(std::chrono::seconds(1), [this, id = container.id, code] {
      const auto found = containers.find(id);
      if (found == containers.end()) return;
      auto fired = std::move(found->second.end);
      Exit(found->second, code);
    });
  }
  return {204, "", {}};
}

FakeEngine::Answer FakeEngine::List(const engine::Request& request) {
  const json filters = json::parse(QueryOf(request, "filters"));
  json labels = filters["label"];
  if (labels.is_object()) {
    json list = json::array();
    for (const auto& [key, on] : labels.items()) list.push_back(key);
    labels = list;
  }
  json rows = json::array();
  for (const auto& [id, container] : containers) {
    bool matches = true;
    for (const json& label : labels) {
      const std::string text = Text(label);
      const auto equals = text.find('=');
      const json& value = At(At(container.body, "Labels"), text.substr(0, equals).c_str());
      matches = matches && Text(value) == text.substr(equals + 1);
    }
    if (!matches) continue;
    rows.push_back({{"Id", id},
                    {"Names", {"/" + container.name}},
                    {"State", container.state},
                    {"Labels", At(container.body, "Labels")}});
  }
  return {200, rows.dump(), {}};
}

FakeEngine::Answer FakeEngine::HandleContainers(const engine::Request& request,
                                                const std::vector<std::string>& parts) {
  if (parts[1] == "create") return Create(request);
  if (parts[1] == "json") return List(request);
  const auto found = containers.find(parts[1]);
  if (found == containers.end()) return {404, "No such container: " + parts[1], {}};
  FakeContainer& container = found->second;
  if (request.method == "DELETE") {
    Destroy(container.id);
    return {204, "", {}};
  }
  const std::string& what = parts[2];
  if (what == "json") return {200, Inspect(container).dump(), {}};
  if (what == "start") return Start(container);
  if (what == "archive") {
    container.archive = request.body;
    return {200, "", {}};
  }
  if (what == "kill") {
    if (container.state != "running") {
      return {409, "Container " + container.id + " is not running", {}};
    }
    Exit(container, 137);
    return {204, "", {}};
  }
  if (what == "stop") {
    if (container.state != "running") return {304, "", {}};
    const json& words = At(container.body, "Cmd");
    const bool stubborn = !words.empty() && Text(words[0]) == "stubborn";
    const int seconds = std::stoi(QueryOf(request, "t"));
    Exit(container, stubborn ? 137 : 143);
    return {204, "", stubborn ? Duration(std::chrono::seconds(seconds)) : Duration{}};
  }
  return {404, "page not found", {}};
}

}  // namespace swarm::executor_docker
