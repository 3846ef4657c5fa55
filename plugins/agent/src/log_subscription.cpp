#include "log_subscription.h"

#include <algorithm>
#include <utility>

namespace swarm::agent {
namespace {

constexpr std::size_t kMessageBytes = 64 << 10;
constexpr std::int64_t kNanosASecond = 1'000'000'000;

}  // namespace

LogSubscription::LogSubscription(Parts parts, const pb::SubscriptionMessage& message)
    : parts_(std::move(parts)),
      id_(message.id()),
      request_(LogRequest::From(message.options())),
      services_(message.selector().service_ids().begin(), message.selector().service_ids().end()),
      tasks_(message.selector().task_ids().begin(), message.selector().task_ids().end()),
      room_(std::make_shared<LogRoom>(parts_.options.log_buffer)) {
  const auto& nodes = message.selector().node_ids();
  whole_node_ = std::find(nodes.begin(), nodes.end(), parts_.node_id) != nodes.end();
}

LogSubscription::~LogSubscription() { Close(); }

bool LogSubscription::Selects(const LogTask& task) const {
  return whole_node_ || tasks_.contains(task.id) || services_.contains(task.service_id);
}

void LogSubscription::Begin(Channel& channel) {
  stream_ = channel.Open("/docker.swarmkit.v1.LogBroker/PublishLogs", {});
  AwaitReply();
  for (const std::string& id : parts_.tasks.TaskIds()) {
    const auto task = parts_.tasks.FindTask(id);
    if (task && Selects(*task)) Add(*task, task->state < pb::STARTING);
  }
  FinishIfDone();
}

void LogSubscription::Add(const LogTask& task, bool early) {
  auto reader = std::make_shared<LogReader>(
      LogReader::Parts{parts_.loop, parts_.post, parts_.log, parts_.options, parts_.tasks, request_,
                       room_, [this, id = task.id] { OnNews(id); }},
      task.id, task.service_id, early);
  readers_[task.id] = reader;
  reader->Look();
}

LogReader* LogSubscription::Find(const std::string& id) const {
  const auto found = readers_.find(id);
  return found == readers_.end() ? nullptr : found->second.get();
}

void LogSubscription::OnTask(const std::string& id) {
  if (!stream_ || closing_) return;
  if (LogReader* reader = Find(id)) return reader->Look();
  if (!request_.follow) return;
  const auto task = parts_.tasks.FindTask(id);
  if (task && task->source && Selects(*task)) Add(*task, true);
}

void LogSubscription::OnTaskGoing(const std::string& id) {
  const auto found = readers_.find(id);
  if (found == readers_.end()) return;
  found->second->Release();
  if (found->second->ended()) readers_.erase(found);
  OnNews(id);
}

void LogSubscription::OnNews(const std::string& id) {
  if (!stream_) return;
  if (in_ready_.insert(id).second) ready_.push_back(id);
  Pump();
}

void LogSubscription::Pump() {
  if (!stream_ || busy_ || closing_) return;
  pb::PublishLogsMessage message = NextMessage();
  if (message.messages().empty()) {
    if (!FeedStarved()) FinishIfDone();
    return;
  }
  busy_ = true;
  stream_->Send(Payload::Of(std::move(message)),
                [weak = weak_from_this(), post = parts_.post](bool sent) {
                  post([weak, sent] {
                    if (auto self = weak.lock()) self->OnSent(sent);
                  });
                });
}

pb::PublishLogsMessage LogSubscription::NextMessage() {
  pb::PublishLogsMessage out;
  out.set_subscription_id(id_);
  std::size_t bytes = 0;
  while (!ready_.empty() && bytes < kMessageBytes) {
    const std::string id = std::move(ready_.front());
    ready_.pop_front();
    in_ready_.erase(id);
    const auto found = readers_.find(id);
    if (found == readers_.end()) continue;
    const std::shared_ptr<LogReader> reader = found->second;
    std::vector<LogLine> lines = reader->Take(kMessageBytes - bytes);
    for (LogLine& line : lines) {
      bytes += line.data.size() + sizeof(LogLine);
      AddLine(*reader, std::move(line), &out);
    }
    if (reader->ended() && reader->released()) readers_.erase(id);
    // There may be more of it; the others come first.
    if (!lines.empty() && in_ready_.insert(id).second) ready_.push_back(id);
  }
  return out;
}

void LogSubscription::AddLine(const LogReader& reader, LogLine line,
                              pb::PublishLogsMessage* out) const {
  pb::LogMessage* message = out->add_messages();
  message->mutable_context()->set_service_id(reader.service_id());
  message->mutable_context()->set_node_id(parts_.node_id);
  message->mutable_context()->set_task_id(reader.task_id());
  if (line.unix_nanos != 0) {
    message->mutable_timestamp()->set_seconds(line.unix_nanos / kNanosASecond);
    message->mutable_timestamp()->set_nanos(
        static_cast<std::int32_t>(line.unix_nanos % kNanosASecond));
  }
  message->set_stream(line.standard_error ? pb::LOG_STREAM_STDERR : pb::LOG_STREAM_STDOUT);
  message->set_data(std::move(line.data));
}

void LogSubscription::OnSent(bool sent) {
  busy_ = false;
  if (!stream_ || !sent) return;  // not sent: the reply says why
  FeedStarved();
  Pump();
}

bool LogSubscription::FeedStarved() {
  std::vector<std::shared_ptr<LogReader>> starved;
  for (const auto& [id, reader] : readers_) {
    if (reader->starved()) starved.push_back(reader);
  }
  for (const auto& reader : starved) reader->Look();
  return !starved.empty();
}

void LogSubscription::FinishIfDone() {
  if (!stream_ || busy_ || closing_ || request_.follow) return;
  const auto ended = [](const auto& entry) { return entry.second->ended(); };
  if (!std::all_of(readers_.begin(), readers_.end(), ended)) return;
  closing_ = true;
  pb::PublishLogsMessage last;
  last.set_subscription_id(id_);
  last.set_close(true);
  stream_->Send(Payload::Of(std::move(last)), [](bool) {});
  stream_->CloseSend();
}

void LogSubscription::AwaitReply() {
  stream_->Read(
      [weak = weak_from_this(), post = parts_.post](const Result<std::optional<Payload>>& read) {
        post([weak, status = read.status()] {
          if (auto self = weak.lock()) self->OnReply(status);
        });
      });
}

void LogSubscription::OnReply(const Status& status) {
  if (!stream_) return;
  // A client or a leader that went meanwhile is nothing to worry about.
  if (status.code() == Code::kPermissionDenied || status.code() == Code::kInvalidArgument) {
    parts_.log.Warn("The manager refuses logs", {{"error", status.ToString()}});
  } else if (!status.ok()) {
    parts_.log.Debug("Publishing logs has ended",
                     {{"subscription", id_}, {"error", status.ToString()}});
  }
  Close();
  parts_.ended(status);
}

void LogSubscription::Close() {
  for (const auto& [id, reader] : std::exchange(readers_, {})) reader->Release();
  ready_.clear();
  in_ready_.clear();
  if (stream_) std::exchange(stream_, nullptr)->Cancel();
}

}  // namespace swarm::agent
