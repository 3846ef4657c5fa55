#include "host/runner.h"

#include <algorithm>
#include <chrono>

#include "swarm/check.h"

namespace swarm::host {
namespace {

// A plugin that takes longer to stop is named in the log, again and again.
constexpr Duration kStopPatience = std::chrono::seconds(10);

Status Explain(const PlannedUnit& unit, const Status& why, std::string_view what) {
  return why.WithContext(PluginLabel(*unit.configured) + " could not be " + std::string(what));
}

}  // namespace

Runner::Runner(Scope scope, const Environment& environment, std::vector<PlannedUnit> units,
               Runner* outer, Loop& loop)
    : scope_(scope),
      environment_(environment),
      units_(std::move(units)),
      outer_(outer),
      loop_(loop) {}

// The callback may come from any thread, late or twice: it counts only if nothing has moved on.
template <class Fn>
auto Runner::OnLoop(Fn fn) {
  return [weak = weak_from_this(), step = step_, fn = std::move(fn)](auto... arguments) {
    const auto self = weak.lock();
    if (self == nullptr) return;
    self->loop_.Post([weak, step, fn, arguments...] {
      const auto runner = weak.lock();
      if (runner != nullptr && runner->step_ == step) fn(*runner, arguments...);
    });
  };
}

void Runner::Start(NodeInfo node, Function<void(Status)> done) noexcept {
  if (state_ == ScopeState::kStopped) {
    Begin(std::move(node), std::move(done));
  } else if (state_ == ScopeState::kStopping && !pending_) {
    pending_ = PendingStart{std::move(node), std::move(done)};
  } else {
    loop_.Post([done = std::move(done), scope = scope_]() mutable {
      done(Status(Code::kFailedPrecondition,
                  "scope " + std::string(ScopeName(scope)) + " has been started already"));
    });
  }
}

void Runner::Begin(NodeInfo node, Function<void(Status)> done) {
  state_ = ScopeState::kStarting;
  node_ = std::move(node);
  start_done_ = std::move(done);
  start_result_ = Status::Ok();
  if (Status status = CreateAll(); !status.ok()) {
    BeginStop(std::move(status));
    return;
  }
  StartFrom(0);
}

Status Runner::CreateAll() {
  Status result;
  std::vector<std::string> failed_roles;
  for (const PlannedUnit& unit : units_) {
    // What only fails because something else did is not worth a line.
    if (WaitsForFailed(unit, failed_roles)) {
      failed_roles.emplace_back(unit.unit->role);
      continue;
    }
    auto context =
        std::make_unique<Context>(environment_, *unit.configured, node_, roles(), nullptr);
    Result<std::unique_ptr<Instance>> made = unit.unit->create(*context);
    if (made.ok() && *made != nullptr) {
      slots_.push_back({&unit, std::move(context), std::move(*made)});
      continue;
    }
    failed_roles.emplace_back(unit.unit->role);
    const Status why = Explain(
        unit, made.ok() ? Status(Code::kInternal, "its factory made nothing") : made.status(),
        "created");
    result = result.ok() ? why : Status(result.code(), result.message() + "\n" + why.message());
  }
  return result;
}

bool Runner::WaitsForFailed(const PlannedUnit& unit, const std::vector<std::string>& failed) const {
  return std::any_of(failed.begin(), failed.end(), [&](const std::string& role) {
    return std::find(unit.requirements.begin(), unit.requirements.end(), role) !=
           unit.requirements.end();
  });
}

void Runner::StartFrom(std::size_t slot) {
  ++step_;
  if (slot == slots_.size()) {
    OnLoop([](Runner& self) {
      self.state_ = ScopeState::kRunning;
      auto done = std::move(self.start_done_);
      self.start_done_ = nullptr;
      done(Status::Ok());
    })();
    return;
  }
  slots_[slot].instance->Start(
      OnLoop([slot](Runner& self, const Status& status) { self.OnStarted(slot, status); }));
}

void Runner::OnStarted(std::size_t slot, const Status& status) {
  if (status.ok()) {
    StartFrom(slot + 1);
  } else {
    BeginStop(Explain(*slots_[slot].planned, status, "started"));
  }
}

void Runner::Stop(Function<void()> done) noexcept {
  if (state_ == ScopeState::kStopped) {
    loop_.Post(std::move(done));
    return;
  }
  stop_done_.push_back(std::move(done));
  if (state_ != ScopeState::kStopping) {
    BeginStop(Status(Code::kCancelled, "stopped while starting"));
  } else if (pending_) {
    loop_.Post([done = std::move(pending_->done)]() mutable {
      done(Status(Code::kCancelled, "stopped before starting"));
    });
    pending_.reset();
  }
}

void Runner::BeginStop(Status why) {
  state_ = ScopeState::kStopping;
  if (start_done_) start_result_ = std::move(why);
  StopBefore(slots_.size());
}

// Stops the slots before `slot`, the last one first.
void Runner::StopBefore(std::size_t slot) {
  ++step_;
  if (slot == 0) {
    OnLoop([](Runner& self) { self.Finish(); })();
    return;
  }
  WatchStop(slot - 1);
  slots_[slot - 1].instance->Stop(OnLoop([slot](Runner& self) { self.OnStopped(slot - 1); }));
}

void Runner::WatchStop(std::size_t slot) {
  stop_watch_ = loop_.After(kStopPatience, [weak = weak_from_this(), step = step_, slot] {
    const auto self = weak.lock();
    if (self == nullptr || self->step_ != step) return;
    self->environment_.logger.Warn("plugin has not stopped yet",
                                   {{"plugin", self->slots_[slot].planned->configured->name},
                                    {"scope", std::string(ScopeName(self->scope_))}});
    self->WatchStop(slot);
  });
}

void Runner::OnStopped(std::size_t slot) {
  stop_watch_.reset();
  StopBefore(slot);
}

void Runner::Finish() {
  ++step_;
  while (!slots_.empty()) slots_.pop_back();
  state_ = ScopeState::kStopped;
  node_ = NodeInfo();
  auto start_done = std::move(start_done_);
  start_done_ = nullptr;
  const Status start_result = std::move(start_result_);
  auto stop_done = std::move(stop_done_);
  stop_done_.clear();
  auto pending = std::move(pending_);
  pending_.reset();
  // The next run begins before anybody hears of the end of this one, so that a callback that
  // stops or starts the scope meets its newest state.
  if (pending) Begin(std::move(pending->node), std::move(pending->done));
  if (start_done) start_done(start_result);
  for (Function<void()>& done : stop_done) done();
}

void* Runner::FindRole(std::string_view role) {
  for (const Slot& slot : slots_) {
    if (role != slot.planned->unit->role) continue;
    if (void* found = slot.instance->role()) return found;
  }
  return outer_ == nullptr ? nullptr : outer_->FindRole(role);
}

std::vector<void*> Runner::FindAllRoles(std::string_view role) {
  std::vector<std::pair<std::size_t, void*>> found;
  CollectRoles(role, found);
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<void*> out;
  for (const auto& [plugin, provider] : found) out.push_back(provider);
  return out;
}

void Runner::CollectRoles(std::string_view role, std::vector<std::pair<std::size_t, void*>>& out) {
  if (outer_ != nullptr) outer_->CollectRoles(role, out);
  for (const Slot& slot : slots_) {
    if (role != slot.planned->unit->role) continue;
    if (void* found = slot.instance->role()) out.emplace_back(slot.planned->plugin, found);
  }
}

}  // namespace swarm::host
