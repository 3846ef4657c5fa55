#include "containers.h"

#include <chrono>
#include <future>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>
#include <vector>

namespace swarm::bench {
namespace {

using SteadyNow = std::chrono::steady_clock;
constexpr auto kPatience = std::chrono::minutes(10);

double Since(SteadyNow::time_point begin) {
  return std::chrono::duration<double>(SteadyNow::now() - begin).count();
}

engine::Reply CallAndWait(engine::Client& engine, engine::Request request) {
  std::promise<engine::Reply> answer;
  const auto call = engine.Send(std::move(request),
                                [&](engine::Reply reply) { answer.set_value(std::move(reply)); });
  return answer.get_future().get();
}

// Walks `count` containers through some calls each, `lanes` containers at a time. Everything after
// Run's beginning is on the engine client's thread.
class Lanes {
 public:
  // The request for a container's next call; nothing when it is done. `last` is the answer to the
  // one before.
  using Next = std::function<std::optional<engine::Request>(int container, int step,
                                                            const engine::Reply& last)>;
  Lanes(engine::Client& engine, int count, Next next)
      : engine_(engine), count_(count), next_(std::move(next)) {}

  Status Run(int lanes) {
    lanes = std::min(lanes, count_);
    calls_.resize(static_cast<std::size_t>(lanes));
    {
      const std::lock_guard lock(mutex_);
      running_ = lanes;
      for (int lane = 0; lane < lanes; ++lane) Begin(lane, taken_++, 0, {});
    }
    return ended_.get_future().get();
  }

 private:
  void Begin(int lane, int container, int step, const engine::Reply& last) {
    if (container < count_ && error_.ok()) {
      if (auto request = next_(container, step, last)) return Send(lane, container, step, *request);
      return Begin(lane, taken_++, 0, {});
    }
    if (--running_ == 0) ended_.set_value(error_);
  }

  void Send(int lane, int container, int step, engine::Request& request) {
    calls_[static_cast<std::size_t>(lane)] =
        engine_.Send(std::move(request), [this, lane, container, step](const engine::Reply& reply) {
          const std::lock_guard lock(mutex_);
          if (!reply.ok() && error_.ok()) error_ = reply.status;
          Begin(lane, container, step + 1, reply);
        });
  }

  engine::Client& engine_;
  const int count_;
  const Next next_;
  std::mutex mutex_;
  int taken_ = 0;  // guarded by mutex_, as all below
  int running_ = 0;
  Status error_;
  std::vector<engine::CallHandle> calls_;
  std::promise<Status> ended_;
};

engine::Request WithTimeout(engine::Request request) {
  request.timeout = kPatience;
  return request;
}

// Ids of the containers with a label.
Result<std::vector<std::string>> WithLabel(engine::Client& engine, const std::string& label) {
  const engine::Reply reply = CallAndWait(
      engine, WithTimeout(engine::Request::Get("/containers/json")
                              .Query("all", "1")
                              .Query("filters", engine::Filters({{"label", {label}}}))));
  if (!reply.ok()) return reply.status;
  SWARM_ASSIGN_OR_RETURN(const auto list, reply.Json());
  std::vector<std::string> ids;
  for (const auto& container : list) ids.push_back(container.value("Id", ""));
  return ids;
}

Status AwaitNone(engine::Client& engine, const std::string& label) {
  const auto limit = SteadyNow::now() + kPatience;
  while (SteadyNow::now() < limit) {
    SWARM_ASSIGN_OR_RETURN(const auto ids, WithLabel(engine, label));
    if (ids.empty()) return Status::Ok();
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return {Code::kDeadlineExceeded, "containers are left after 10 minutes"};
}

}  // namespace

Result<double> ServiceSeconds(Network& network, const TargetSpec& target, engine::Client& engine,
                              const WorkloadOptions& options) {
  WorkloadOptions patient = options;
  // Finer than what is measured by far.
  patient.poll = std::chrono::milliseconds(100);
  SWARM_ASSIGN_OR_RETURN(const double rate, TaskRate(network, target, patient));
  SWARM_RETURN_IF_ERROR(AwaitNone(engine, "com.docker.swarm.task"));
  return options.count / rate;
}

Result<double> EngineSeconds(engine::Client& engine, const WorkloadOptions& options) {
  const std::string mark = "swarm-bench=" + options.round_name;
  Lanes make(
      engine, options.count,
      [&](int container, int step, const engine::Reply& last) -> std::optional<engine::Request> {
        if (step == 0) {
          const nlohmann::json body = {{"Image", options.image},
                                       {"Cmd", options.args},
                                       {"Labels", {{"swarm-bench", options.round_name}}}};
          return WithTimeout(
              engine::Request::PostJson("/containers/create", body)
                  .Query("name", "bench-" + options.round_name + "." + std::to_string(container)));
        }
        if (step > 1) return std::nullopt;
        const auto made = nlohmann::json::parse(last.body, nullptr, false);
        return WithTimeout(engine::Request::Post("/containers/" + made.value("Id", "") + "/start"));
      });
  const auto begin = SteadyNow::now();
  SWARM_RETURN_IF_ERROR(make.Run(options.clients));
  const double seconds = Since(begin);
  SWARM_ASSIGN_OR_RETURN(const auto ids, WithLabel(engine, mark));
  Lanes remove(
      engine, static_cast<int>(ids.size()),
      [&](int container, int step, const engine::Reply&) -> std::optional<engine::Request> {
        if (step > 0) return std::nullopt;
        return WithTimeout(
            engine::Request::Delete("/containers/" + ids[static_cast<std::size_t>(container)])
                .Query("force", "1")
                .Query("v", "1"));
      });
  SWARM_RETURN_IF_ERROR(remove.Run(16));
  return seconds;
}

}  // namespace swarm::bench
