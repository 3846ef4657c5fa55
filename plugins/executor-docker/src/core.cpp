#include "core.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "describe.h"
#include "names.h"

namespace swarm::executor_docker {
namespace {

// For a look at the container before a cancelled operation ends.
constexpr Duration kGlance = std::chrono::seconds(1);
constexpr Duration kDescribeTimeout = std::chrono::seconds(4);

}  // namespace

StepResult Fail(std::string text) { return StepResult::Failed({Code::kUnknown, std::move(text)}); }

StepResult FailureOf(const engine::Reply& reply, const std::string& context) {
  if (reply.engine_down()) {
    // Whatever it was that went wrong, what runs here is not to blame. The code is one that the
    // agent shows; a passed deadline it would keep to itself.
    return StepResult::Retry({Code::kUnavailable, reply.status.message()});
  }
  const std::string& text =
      reply.engine_message.empty() ? reply.status.message() : reply.engine_message;
  return StepResult::Failed(
      {reply.status.code() == Code::kCancelled ? Code::kUnknown : reply.status.code(),
       context.empty() ? text : context + ": " + text});
}

StepResult LookFailure(const engine::Reply& reply) {
  StepResult out = FailureOf(reply, "inspecting container failed");
  out.temporary = true;
  return out;
}

struct Core::Describing {
  FlowSlot flow;
  std::unique_ptr<Timer> end;
};

Core::Core(Parts parts)
    : parts_(std::move(parts)),
      random_(parts_.runtime.NewRandom()),
      loop_(parts_.runtime.NewLoop("executor-docker", LoopKind::kShared)) {}

Core::~Core() { Stop(); }

void Core::Start(engine::Client& client) {
  link_ = std::make_unique<Link>(client, *loop_);
  puller_ = std::make_unique<Puller>(*link_, parts_.log, parts_.options);
  events_ = std::make_unique<EventStream>(EventStream::Parts{
      *link_, parts_.log, parts_.options, *random_,
      [this](const std::string& task_id) { OnChanged(task_id); }, [this] { OnConnected(); },
      [this] { compare_.Run<bool>(CompareAll(), [](bool) {}); }});
  loop_->Post([this] { events_->Begin(); });
}

void Core::Stop() {
  loop_->Stop();
  if (events_) events_->End();
  sweep_.End();
  compare_.End();
  describing_.clear();
  for (auto& [id, handle] : std::exchange(handles_, {})) End(*handle);
}

void Core::Add(const HandlePtr& handle) { handles_.emplace(handle->task_id, handle); }

void Core::Forget(Handle& handle) {
  const auto [first, last] = handles_.equal_range(handle.task_id);
  const auto found = std::find_if(
      first, last, [&handle](const auto& entry) { return entry.second.get() == &handle; });
  if (found != last) handles_.erase(found);
}

// --- operations ---

void Core::Run(const HandlePtr& handle, Step step, Patience patience, StepDone done) {
  handle->done = std::move(done);
  handle->flow.Run<StepResult>(Persist(*handle, step, patience),
                               [handle = handle.get()](StepResult result) {
                                 std::exchange(handle->done, nullptr)(std::move(result));
                               });
}

void Core::Cancel(Handle& handle) {
  if (!handle.done || handle.looked) return End(handle);
  handle.flow.Run<Look>(Inspect(handle), [this, &handle](const Look&) {
    // The flow is still on the stack.
    handle.limit = loop_->After(Duration::zero(), [this, &handle] { End(handle); });
  });
  handle.limit = loop_->After(kGlance, [this, &handle] { End(handle); });
}

void Core::End(Handle& handle) {
  handle.flow.End();
  handle.limit.reset();
  if (!handle.done) return;
  std::exchange(handle.done,
                nullptr)(StepResult::Failed({Code::kCancelled, "operation cancelled"}));
}

Flow<StepResult> Core::Persist(Handle& handle, Step step, Patience patience) {
  while (true) {
    StepResult result = co_await (this->*step)(handle);
    const bool away = result.temporary && result.status.code() == Code::kUnavailable;
    if (!away) {
      handle.told = false;
      co_return result;
    }
    const bool waits =
        patience == Patience::kWaits || (patience == Patience::kTells && handle.told);
    if (!waits) {
      handle.told = true;
      co_return result;
    }
    co_await events_->Reachable();
  }
}

Flow<Look> Core::Inspect(Handle& handle) {
  Look look;
  if (handle.container_id.empty()) {
    engine::Request list = engine::Request::Get("/containers/json");
    list.query.emplace_back("all", "1");
    list.query.emplace_back(
        "filters",
        engine::Filters({{"label", {std::string(kLabelTaskId) + "=" + handle.task_id}}}));
    look.reply = co_await link_->Ask(std::move(list));
    if (!look.reply.ok()) co_return look;
    auto body = look.reply.Json();
    auto rows =
        body.ok() ? ParseContainerList(*body) : Result<std::vector<ContainerRow>>(body.status());
    if (!rows.ok()) {
      look.reply.failure = engine::Failure::kGarbage;
      look.reply.status = rows.status();
      co_return look;
    }
    if (rows->empty()) {
      Record(handle, nullptr);
      co_return look;
    }
    handle.container_id = rows->front().id;
  }
  handle.changed.Clear();
  engine::Request one =
      engine::Request::Get("/containers/" + engine::Escape(handle.container_id) + "/json");
  look.reply = co_await link_->Ask(std::move(one));
  if (look.reply.failure == engine::Failure::kNotFound) {
    look.reply = {};
    Record(handle, nullptr);
    co_return look;
  }
  if (!look.reply.ok()) co_return look;
  auto body = look.reply.Json();
  auto view = body.ok() ? ParseContainer(*body) : Result<ContainerView>(body.status());
  if (!view.ok()) {
    look.reply.failure = engine::Failure::kGarbage;
    look.reply.status = view.status();
    co_return look;
  }
  look.view = *std::move(view);
  Record(handle, &*look.view);
  co_return look;
}

// An engine that shuts down ends its containers first, so that their replacements come just then.
// On the connections it has it would go on making containers, fail to start them, which would count
// against the task, and leave them half made. To new connections it is away.
Flow<engine::Reply> Core::Make(engine::Request request) {
  request.fresh = true;
  engine::Reply reply = co_await link_->Ask(std::move(request));
  if (reply.failure != engine::Failure::kServerError || reply.engine_down()) co_return reply;
  // It may have begun to shut down meanwhile: then what it says is no reason to give up the task.
  engine::Request ping = engine::Request::Get("/_ping");
  ping.fresh = true;
  const engine::Reply there = co_await link_->Ask(std::move(ping));
  if (there.engine_down()) reply.status = Status(Code::kUnavailable, reply.status.message());
  co_return reply;
}

// --- what the engine tells ---

void Core::OnChanged(const std::string& task_id) {
  const auto [first, last] = handles_.equal_range(task_id);
  for (auto entry = first; entry != last; ++entry) entry->second->changed.Raise();
}

void Core::OnConnected() {
  for (auto& [id, handle] : handles_) handle->changed.Raise();
  if (retained_ && !sweep_.busy()) sweep_.Run<bool>(Sweep(), [](bool) {});
}

// --- the node ---

Flow<Result<pb::NodeDescription>> Core::AskDescription() {
  engine::Request ask_info = engine::Request::Get("/info");
  ask_info.timeout = kDescribeTimeout;
  const engine::Reply info = co_await link_->Ask(std::move(ask_info));
  if (!info.ok()) co_return info.status;
  const auto info_body = info.Json();
  if (!info_body.ok()) co_return info_body.status();
  engine::Request ask_plugins = engine::Request::Get("/plugins");
  ask_plugins.timeout = kDescribeTimeout;
  const engine::Reply plugins = co_await link_->Ask(std::move(ask_plugins));
  nlohmann::json plugins_body;
  if (auto parsed = plugins.ok() ? plugins.Json() : Result<nlohmann::json>(plugins.status);
      parsed.ok()) {
    plugins_body = *std::move(parsed);
  } else {
    parts_.log.Debug("the engine does not list its plugins",
                     {{"error", parsed.status().message()}});
  }
  pb::NodeDescription out = DescriptionOf(*info_body, plugins_body);
  if (!parts_.options.hostname.empty()) out.set_hostname(parts_.options.hostname);
  co_return out;
}

void Core::Describe(Function<void(Result<pb::NodeDescription>)> done) {
  const std::uint64_t number = next_description_++;
  auto& slot = *(describing_[number] = std::make_unique<Describing>());
  slot.flow.Run<Result<pb::NodeDescription>>(
      AskDescription(),
      [this, number, &slot, done = std::move(done)](Result<pb::NodeDescription> described) mutable {
        // The flow is still on the stack.
        slot.end = loop_->After(Duration::zero(), [this, number] {
          auto ended = describing_.extract(number);
          loop_->Post([ended = std::move(ended)] {});
        });
        done(std::move(described));
      });
}

}  // namespace swarm::executor_docker
