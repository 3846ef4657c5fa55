#include "object_load.h"

#include <algorithm>
#include <future>
#include <utility>

#include "swarm/rpc_typed.h"

namespace swarm::test {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kMostObjects = 60;
constexpr milliseconds kPatience{4000};
// Between two calls of a client, so that a machine has time for others.
constexpr milliseconds kBreath{2};
// The rest of an object, so that the log grows.
constexpr std::size_t kBytes = 4000;
constexpr const char* kLabel = "value";

Operation::Time Stamp(ObjectLoad::Clock::time_point time) {
  return time.time_since_epoch().count();
}

std::string ValueIn(const pb::Config& config) {
  const auto& labels = config.spec().annotations().labels();
  const auto at = labels.find(kLabel);
  return at == labels.end() ? "" : at->second;
}

bool Has(const Status& status, const char* text) {
  return status.message().find(text) != std::string::npos;
}

// Refusals that say that nothing was, or will be, written.
bool SurelyNotDone(const Status& status) {
  return status.code() == Code::kResourceExhausted || Has(status, "does not have a leader");
}

pb::ConfigSpec SpecOf(const std::string& name, const std::string& value) {
  pb::ConfigSpec spec;
  spec.mutable_annotations()->set_name(name);
  (*spec.mutable_annotations()->mutable_labels())[kLabel] = value;
  return spec;
}

}  // namespace

// Threading: one thread, on which it blocks.
class ObjectLoad::Client {
 public:
  Client(ObjectLoad& load, int at, std::string name)
      : load_(load), at_(at), name_(std::move(name)) {
    auto channel = load.network_.Dial("unix://" + load.sockets_[static_cast<std::size_t>(at)], {});
    if (channel.ok()) channel_ = *std::move(channel);
  }

  void Run() {
    while (Breathe()) {
      std::string object;
      std::uint64_t dice = 0;
      {
        const std::lock_guard lock(load_.mutex_);
        dice = load_.random_() % 100;
        object = Choose();
      }
      if (object.empty() || (dice < 10 && load_.objects() < kMostObjects)) {
        Create();
      } else if (dice < 55) {
        Update(object, dice % 9 == 0);
      } else {
        Read(object);
      }
    }
  }

  bool Create(milliseconds patience = kPatience) {
    const std::string value = load_.NewValue();
    const std::string name = "object-" + value;
    pb::CreateConfigRequest request;
    *request.mutable_spec() = SpecOf(name, value);
    request.mutable_spec()->set_data(std::string(kBytes, 'x'));
    {
      const std::lock_guard lock(load_.mutex_);
      load_.objects_[name];
    }
    const auto asked = Clock::now();
    const auto reply = Ask<pb::CreateConfigResponse>("CreateConfig", std::move(request), patience);
    return Wrote(name, 0, value, asked, reply.ok() ? &(*reply)->config() : nullptr, reply.status());
  }

  void Update(const std::string& name, bool with_old_version) {
    pb::UpdateConfigRequest request;
    const std::string value = load_.NewValue();
    {
      const std::lock_guard lock(load_.mutex_);
      const Object& object = load_.objects_[name];
      request.set_config_id(object.id);
      request.mutable_config_version()->set_index(
          with_old_version && object.version_before != 0 ? object.version_before : object.version);
    }
    *request.mutable_spec() = SpecOf(name, value);
    const std::uint64_t base = request.config_version().index();
    const auto asked = Clock::now();
    const auto reply = Ask<pb::UpdateConfigResponse>("UpdateConfig", std::move(request), kPatience);
    if (!reply.ok() && Has(reply.status(), "update out of sequence")) {
      const std::lock_guard lock(load_.mutex_);
      ++load_.counts_.refused;
      load_.objects_[name].history.push_back(
          {Operation::Kind::kRefused, Stamp(asked), Stamp(Clock::now()), base, 0, "", name_});
      return;
    }
    Wrote(name, base, value, asked, reply.ok() ? &(*reply)->config() : nullptr, reply.status());
  }

  void Read(const std::string& name) {
    pb::GetConfigRequest request;
    {
      const std::lock_guard lock(load_.mutex_);
      request.set_config_id(load_.objects_[name].id);
    }
    const auto asked = Clock::now();
    const auto reply = Ask<pb::GetConfigResponse>("GetConfig", std::move(request), kPatience);
    const bool nothing = !reply.ok() && reply.status().code() == Code::kNotFound;
    if (!reply.ok() && !nothing) return;
    const std::lock_guard lock(load_.mutex_);
    SawLocked(name, asked, nothing ? nullptr : &(*reply)->config());
  }

  bool ReadAll() {
    const auto asked = Clock::now();
    const auto reply =
        Ask<pb::ListConfigsResponse>("ListConfigs", pb::ListConfigsRequest(), kPatience);
    if (!reply.ok()) return false;
    std::map<std::string, const pb::Config*> found;
    for (const pb::Config& config : (*reply)->configs()) {
      found[config.spec().annotations().name()] = &config;
    }
    const std::lock_guard lock(load_.mutex_);
    for (auto& [name, object] : load_.objects_) {
      const auto at = found.find(name);
      SawLocked(name, asked, at == found.end() ? nullptr : at->second);
    }
    return true;
  }

 private:
  // False: it is time to go.
  bool Breathe() {
    std::unique_lock lock(load_.mutex_);
    return !load_.changed_.wait_for(lock, kBreath, [this] { return load_.stopping_; });
  }

  std::string Choose() {
    std::vector<const std::string*> known;
    for (const auto& [name, object] : load_.objects_) {
      if (!object.id.empty()) known.push_back(&name);
    }
    return known.empty() ? "" : *known[load_.random_() % known.size()];
  }

  template <class Response, class Request>
  Result<std::shared_ptr<const Response>> Ask(const std::string& method, Request request,
                                              milliseconds patience) {
    if (!channel_) return Status(Code::kUnavailable, "the socket cannot be dialled");
    std::promise<Result<std::shared_ptr<const Response>>> answer;
    auto future = answer.get_future();
    CallOptions options;
    options.timeout = patience;
    CallUnary<Response>(*channel_, "/docker.swarmkit.v1.Control/" + method, std::move(options),
                        std::move(request),
                        [&answer](auto reply) { answer.set_value(std::move(reply)); });
    return future.get();
  }

  // `config`: the answer; null: none, and `status` says why.
  bool Wrote(const std::string& name, std::uint64_t base, const std::string& value,
             Clock::time_point asked, const pb::Config* config, const Status& status) {
    const auto answered = Clock::now();
    const std::lock_guard lock(load_.mutex_);
    Operation op{Operation::Kind::kWrite, Stamp(asked), Operation::kNever, base, 0, value, name_};
    if (config == nullptr && SurelyNotDone(status)) {
      ++load_.counts_.turned_down;
      return false;
    }
    Object& object = load_.objects_[name];
    if (config != nullptr) {
      op.answered = Stamp(answered);
      op.version = config->meta().version().index();
      ++load_.counts_.writes;
      load_.Learn(object, *config);
      load_.written_.push_back({asked, answered});
      auto& last = load_.last_asked_[static_cast<std::size_t>(at_)];
      last = std::max(last, asked);
      load_.changed_.notify_all();
    } else {
      ++load_.counts_.unanswered;
    }
    object.history.push_back(std::move(op));
    return config != nullptr;
  }

  void SawLocked(const std::string& name, Clock::time_point asked, const pb::Config* config) {
    Object& object = load_.objects_[name];
    ++load_.counts_.reads;
    Operation op{Operation::Kind::kRead, Stamp(asked), Stamp(Clock::now()), 0, 0, "", name_};
    if (config != nullptr) {
      op.version = config->meta().version().index();
      op.value = ValueIn(*config);
      load_.Learn(object, *config);
    }
    object.history.push_back(std::move(op));
  }

  ObjectLoad& load_;
  const int at_;
  const std::string name_;
  std::shared_ptr<Channel> channel_;
};

ObjectLoad::ObjectLoad(Network& network, std::vector<std::string> sockets, std::uint64_t seed)
    : network_(network),
      sockets_(std::move(sockets)),
      random_(seed),
      last_asked_(sockets_.size()) {}

void ObjectLoad::Start(int clients_each) {
  for (std::size_t at = 0; at < sockets_.size(); ++at) {
    for (int i = 0; i < clients_each; ++i) {
      const std::string name = "m" + std::to_string(at + 1) + "/" + std::to_string(i + 1);
      threads_.emplace_back([this, at, name] { Client(*this, static_cast<int>(at), name).Run(); });
    }
  }
}

void ObjectLoad::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  stopping_ = false;
}

bool ObjectLoad::WriteOnce(int at, milliseconds patience) {
  return Client(*this, at, "m" + std::to_string(at + 1) + "/once").Create(patience);
}

bool ObjectLoad::ReadAll(int at) {
  return Client(*this, at, "m" + std::to_string(at + 1) + "/all").ReadAll();
}

void ObjectLoad::Learn(Object& object, const pb::Config& config) {
  object.id = config.id();
  const std::uint64_t version = config.meta().version().index();
  if (version <= object.version) return;
  object.version_before = std::exchange(object.version, version);
}

bool ObjectLoad::AwaitWrites(std::uint64_t count, milliseconds limit) {
  std::unique_lock lock(mutex_);
  const std::uint64_t goal = counts_.writes + count;
  return changed_.wait_for(lock, limit, [&] { return counts_.writes >= goal; });
}

bool ObjectLoad::AwaitEveryManager(milliseconds limit) {
  std::unique_lock lock(mutex_);
  const auto now = Clock::now();
  return changed_.wait_for(lock, limit, [&] {
    return std::all_of(last_asked_.begin(), last_asked_.end(),
                       [&](Clock::time_point last) { return last >= now; });
  });
}

std::optional<std::chrono::duration<double>> ObjectLoad::FirstWriteAfter(Clock::time_point since,
                                                                         milliseconds limit) {
  std::unique_lock lock(mutex_);
  std::optional<Clock::time_point> first;
  changed_.wait_for(lock, limit, [&] {
    for (auto at = written_.rbegin(); at != written_.rend() && at->answered >= since; ++at) {
      if (at->asked >= since && (!first || at->answered < *first)) first = at->answered;
    }
    return first.has_value();
  });
  if (!first) return std::nullopt;
  return *first - since;
}

ObjectLoad::Counts ObjectLoad::counts() {
  const std::lock_guard lock(mutex_);
  return counts_;
}

std::size_t ObjectLoad::objects() {
  const std::lock_guard lock(mutex_);
  return objects_.size();
}

std::string ObjectLoad::Contradictions() {
  const std::lock_guard lock(mutex_);
  std::vector<const std::vector<Operation>*> histories;
  for (const auto& [name, object] : objects_) {
    if (const std::string wrong = Contradiction(object.history); !wrong.empty()) {
      return name + ": " + wrong;
    }
    histories.push_back(&object.history);
  }
  return GivenTwice(histories);
}

}  // namespace swarm::test
