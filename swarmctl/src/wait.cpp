#include "wait.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "display.h"
#include "gotext/gotext.h"

namespace swarm::ctl {
namespace {

using namespace std::chrono_literals;

constexpr Duration kLookAgain = 200ms;
// A look at a large service takes long; the manager has other things to do than answering us.
constexpr int kRestPerLook = 4;
// A task that starts and falls over at once is not running.
constexpr Duration kSettle = 2s;
// The manager may be electing a leader, or be restarted.
constexpr Duration kMostSilence = 1min;
constexpr const char* kMostFailuresFlag = "max-failures";

// What is to become of the waiting after a look.
enum class Verdict : unsigned char { kGoOn, kDone };

// Looks again and again, and shows what it sees.
class Vigil {
 public:
  Vigil(Invocation& run, const pb::Service& service)
      : run_(run),
        id_(service.id()),
        name_(service.spec().annotations().name()),
        display_(name_, run.environment.columns ? run.environment.columns() : 0) {}

  // `judge`: what an observation means; it may end the waiting with an error.
  Status Keep(const std::function<Result<Verdict>(const Observation&)>& judge, bool removed) {
    for (;;) {
      const SteadyTime began = Now();
      auto seen = Look(removed);
      if (seen.ok()) {
        silent_since_.reset();
        SWARM_ASSIGN_OR_RETURN(const Verdict verdict, judge(*seen));
        if (verdict == Verdict::kDone) return Status::Ok();
      } else {
        SWARM_RETURN_IF_ERROR(Endure(seen.status()));
      }
      SWARM_RETURN_IF_ERROR(Rest(Now() - began));
    }
  }

  void Show(const Progress& progress) {
    latest_ = ProgressText(progress);
    if (!progress.troubles.empty()) latest_ += "; " + progress.troubles.front();
    Print(display_.Show(progress));
  }

  void Print(const std::string& text) {
    run_.err += text;
    run_.Flush();
  }

  SteadyTime Now() const { return run_.environment.steady(); }
  const std::string& name() const { return name_; }

 private:
  Result<Observation> Look(bool removed) {
    Observation out;
    pb::ListTasksRequest::Filters filters;
    filters.add_service_ids(id_);
    if (!removed) {
      pb::GetServiceRequest get;
      get.set_service_id(id_);
      SWARM_ASSIGN_OR_RETURN(const auto got,
                             run_.client.Call<pb::GetServiceResponse>("GetService", get));
      out.service = got.service();
      filters.set_up_to_date(true);
      SWARM_ASSIGN_OR_RETURN(const auto current, ListTasks(run_.client, filters));
      for (const pb::Task& task : current) out.up_to_date.insert(task.id());
      filters.set_up_to_date(false);
    }
    SWARM_ASSIGN_OR_RETURN(out.tasks, ListTasks(run_.client, filters));
    SWARM_ASSIGN_OR_RETURN(out.down_nodes, DownNodes(out));
    return out;
  }

  // Asked for only when there may be tasks that no node stops.
  Result<std::set<std::string>> DownNodes(const Observation& seen) {
    std::set<std::string> out;
    const bool any = std::any_of(seen.tasks.begin(), seen.tasks.end(), [](const pb::Task& t) {
      return t.desired_state() > pb::RUNNING && t.status().state() <= pb::RUNNING;
    });
    if (!any) return out;
    SWARM_ASSIGN_OR_RETURN(const auto nodes, run_.client.Call<pb::ListNodesResponse>(
                                                 "ListNodes", pb::ListNodesRequest()));
    for (const pb::Node& node : nodes.nodes()) {
      if (node.status().state() == pb::NodeStatus::DOWN) out.insert(node.id());
    }
    return out;
  }

  // A manager that does not answer may come back; any other error ends the waiting.
  Status Endure(const Status& error) {
    if (TimeIsOver()) return Late();
    if (error.code() == Code::kNotFound) {
      return {Code::kAborted, "service " + name_ + " was removed while it was waited for"};
    }
    if (error.code() != Code::kUnavailable) return error;
    if (!silent_since_) silent_since_ = Now();
    if (Now() - *silent_since_ > kMostSilence) return error;
    Print(display_.Note("waiting for a manager to answer"));
    return Status::Ok();
  }

  Status Rest(Duration look_took) {
    Duration rest = std::max(kLookAgain, look_took * kRestPerLook);
    if (const auto left = run_.client.TimeLeft()) rest = std::min(rest, *left);
    if (!run_.environment.pause(rest)) {
      return {Code::kCancelled,
              "no longer waiting for service " + name_ + ", which goes on by itself: " + latest_};
    }
    return TimeIsOver() ? Late() : Status::Ok();
  }

  bool TimeIsOver() const {
    const auto left = run_.client.TimeLeft();
    return left && *left <= Duration(0);
  }

  Status Late() const {
    return {Code::kDeadlineExceeded,
            "service " + name_ + " is not there yet" + (latest_.empty() ? "" : ": " + latest_)};
  }

  Invocation& run_;
  const std::string id_;
  const std::string name_;
  Display display_;
  std::string latest_;  // for errors
  std::optional<SteadyTime> silent_since_;
};

// How long something has been so without a break.
class Since {
 public:
  Duration Update(bool so, SteadyTime now) {
    if (!so) start_.reset();
    if (so && !start_) start_ = now;
    return so ? Duration(now - *start_) : Duration(-1);
  }

 private:
  std::optional<SteadyTime> start_;
};

Status NotConverged(const std::string& name, const std::string& why) {
  return {Code::kAborted, "service " + name + " does not converge: " + why};
}

}  // namespace

std::vector<FlagSpec> WaitFlags() {
  return {{"wait", 0, FlagKind::kBool, "",
           "Wait until the service is as asked for, showing the progress; see also --timeout",
           "Waiting"},
          {kMostFailuresFlag, 0, FlagKind::kUint, "5",
           "With --wait, give up once a task failed this often (0 = never)", "Waiting"}};
}

bool ShallWait(const Invocation& run) { return run.flags.Bool("wait"); }

Status AwaitService(Invocation& run, const pb::Service& service, Aim aim, bool fresh) {
  constexpr std::uint64_t kMostFailures = 5;
  const bool given = run.flags.Given(kMostFailuresFlag);
  Judge judge(aim, given ? run.flags.Uint(kMostFailuresFlag) : kMostFailures, fresh);
  Vigil vigil(run, service);
  Since reached, stuck;
  return vigil.Keep(
      [&](const Observation& seen) -> Result<Verdict> {
        const Progress progress = judge.Assess(seen);
        vigil.Show(progress);
        if (!progress.failed.empty()) return NotConverged(vigil.name(), progress.failed);
        if (stuck.Update(!progress.stuck.empty(), vigil.Now()) >= kSettle) {
          return NotConverged(vigil.name(), progress.stuck);
        }
        const Duration held = reached.Update(progress.reached, vigil.Now());
        const bool done = progress.reached && (progress.sure || held >= kSettle);
        if (done) vigil.Print(vigil.name() + ": converged\n");
        return done ? Verdict::kDone : Verdict::kGoOn;
      },
      false);
}

Status AwaitRemoval(Invocation& run, const pb::Service& service) {
  Vigil vigil(run, service);
  return vigil.Keep(
      [&vigil](const Observation& seen) -> Result<Verdict> {
        Progress progress;
        for (const pb::Task& task : seen.tasks) {
          const bool lives = task.status().state() <= pb::RUNNING && !task.node_id().empty();
          if (lives && !seen.down_nodes.contains(task.node_id())) ++progress.leftover;
        }
        vigil.Show(progress);
        if (progress.leftover > 0) return Verdict::kGoOn;
        vigil.Print(vigil.name() + ": removed\n");
        return Verdict::kDone;
      },
      true);
}

}  // namespace swarm::ctl
