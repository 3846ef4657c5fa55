#include "event_stream.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "json_read.h"
#include "names.h"

namespace swarm::executor_docker {
namespace {

// Time for the engine to begin answering.
constexpr Duration kHeadTimeout = std::chrono::seconds(10);
// A call failed although events still come.
constexpr Duration kSecondTry = std::chrono::seconds(1);

engine::Request Subscription() {
  engine::Request request = engine::Request::Get("/events");
  // The engine begins with the events it remembers, so that none is lost between its answer's head
  // and the moment it begins to listen.
  request.query.emplace_back("since", "0");
  // Exec events, which every health check makes three of, stay away.
  request.query.emplace_back(
      "filters", engine::Filters({{"type", {"container"}},
                                  {"label", {std::string(kLabelTask)}},
                                  {"event", {"die", "destroy", "start", "health_status"}}}));
  request.timeout = kHeadTimeout;
  return request;
}

}  // namespace

EventStream::EventStream(Parts parts) : parts_(std::move(parts)), came_back_(parts_.link.loop()) {}

void EventStream::Begin() {
  Connect();
  SchedulePoll();
}

void EventStream::End() {
  call_.reset();
  reconnect_.reset();
  poll_.reset();
  connected_ = false;
}

void EventStream::Connect() {
  reconnect_.reset();
  call_ = parts_.link.StreamJson(
      Subscription(), [this] { OnStarted(); },
      [this](const nlohmann::json& event) { OnObject(event); },
      [this](const engine::Reply& reply) { OnEnded(reply.status); });
}

void EventStream::OnStarted() {
  connected_ = true;
  pause_ = Duration::zero();
  if (std::exchange(warned_, false)) parts_.log.Info("the engine is back");
  came_back_.Open();
  parts_.connected();
}

void EventStream::OnObject(const nlohmann::json& event) {
  const std::string task =
      Text(At(At(At(event, "Actor"), "Attributes"), std::string(kLabelTaskId).c_str()));
  if (!task.empty()) parts_.changed(task);
}

void EventStream::OnEnded(const Status& status) {
  connected_ = false;
  if (!std::exchange(warned_, true)) {
    parts_.log.Warn("the engine's events have ended; trying again until it is back",
                    {{"error", status.ok() ? "the engine closed them" : status.message()}});
  }
  ScheduleConnect();
}

void EventStream::ScheduleConnect() {
  pause_ =
      std::clamp(2 * pause_, parts_.options.reconnect_initial, parts_.options.reconnect_maximum);
  // Many nodes may have lost the same engine or network at once.
  const Duration wait = parts_.random.Between(pause_ / 2, pause_);
  // The call must not go while it tells of its end.
  reconnect_ = parts_.link.loop().After(wait, [this] { Connect(); });
}

void EventStream::Distrust() {
  if (!connected_) return;
  call_.reset();
  OnEnded({Code::kUnavailable, "the engine does not answer"});
}

Flow<bool> EventStream::Reachable() {
  if (connected_) {
    co_await parts_.link.Sleep(kSecondTry);
  } else {
    co_await came_back_.Next();
  }
  co_return true;
}

void EventStream::SchedulePoll() {
  poll_ = parts_.link.loop().After(parts_.options.poll_interval, [this] {
    // Not inside its own callback.
    auto fired = std::move(poll_);
    SchedulePoll();
    if (connected_) parts_.poll();
  });
}

}  // namespace swarm::executor_docker
