#include "logs.h"

#include <google/protobuf/util/time_util.h>

#include <limits>

#include "gotext/gotext.h"
#include "words.h"

namespace swarm::ctl {
namespace {

using namespace std::chrono_literals;

constexpr const char* kMark = "\u276f ";

struct Style {
  bool prefix = true;
  bool times = false;
  bool details = false;
};

std::string DetailsText(const pb::LogMessage& message) {
  std::vector<std::string> pairs;
  for (const auto& attribute : message.attrs()) {
    pairs.push_back(attribute.key() + "=" + attribute.value());
  }
  return pairs.empty() ? "" : Join(pairs, ",") + " ";
}

std::string MessageText(Client& client, const pb::LogMessage& message, const Style& style) {
  std::string out;
  if (style.times) out += AbsoluteTime(message.timestamp()) + " ";
  if (style.prefix) {
    out += client.TaskName(message.context().task_id()) + "@" +
           client.NodeName(message.context().node_id()) + kMark;
  }
  if (style.details) out += DetailsText(message);
  return out + message.data();
}

void Show(Invocation& run, const pb::SubscribeLogsMessage& batch, const Style& style) {
  for (const pb::LogMessage& message : batch.messages()) {
    std::string& into = message.stream() == pb::LOG_STREAM_STDERR ? run.err : run.out;
    into += MessageText(run.client, message, style);
    // The two streams keep their order.
    run.Flush();
  }
}

Result<pb::LogSubscriptionOptions> Options(Invocation& run) {
  pb::LogSubscriptionOptions out;
  out.set_follow(run.flags.Bool("follow"));
  const auto tail = ParseTail(run.flags.String("tail"));
  if (!tail.ok()) return run.Misused(tail.status().message());
  out.set_tail(*tail);
  if (run.flags.Given("since")) {
    auto since = ParseSince(run.flags.String("since"), run.now);
    if (!since.ok()) return run.Misused(since.status().message());
    *out.mutable_since() = std::move(*since);
  }
  return out;
}

}  // namespace

Result<google::protobuf::Timestamp> ParseSince(const std::string& text, WallTime now) {
  google::protobuf::Timestamp out;
  if (google::protobuf::util::TimeUtil::FromString(text, &out)) return out;
  if (const auto seconds = ParseInt(text, 10, 64); seconds.ok()) {
    out.set_seconds(*seconds);
    return out;
  }
  if (const auto ago = gotext::ParseDuration(text); ago.ok()) {
    const Duration since = (now - *ago).time_since_epoch();
    out.set_seconds(since / 1s);
    out.set_nanos(static_cast<std::int32_t>((since % 1s).count()));
    return out;
  }
  return Status(Code::kInvalidArgument,
                "--since must be a time (2030-01-31T12:00:00Z), seconds "
                "since 1970, or how long ago (10m): " +
                    text);
}

Result<std::int64_t> ParseTail(const std::string& text) {
  if (text.empty() || text == "all") return 0;
  const auto lines = ParseUint(text, 10, 63);
  // One more, since -1 stands for no lines.
  if (lines.ok() && *lines < std::numeric_limits<std::int64_t>::max()) {
    return -static_cast<std::int64_t>(*lines) - 1;
  }
  return Status(Code::kInvalidArgument, "--tail must be a number of lines, or all: " + text);
}

std::vector<FlagSpec> LogFlags() {
  using K = FlagKind;
  return {{"follow", 'f', K::kBool, "", "Follow log output"},
          {"tail", 0, K::kString, "all", "Only the last lines of each task"},
          {"since", 0, K::kString, "",
           "Only what is newer: a time (2030-01-31T12:00:00Z) or how long ago (10m)"},
          {"timestamps", 't', K::kBool, "", "Show when each message was written"},
          {"details", 0, K::kBool, "", "Show the attributes of each message"},
          {"raw", 0, K::kBool, "", "Show the messages alone, without task and node"}};
}

Status ShowLogs(Invocation& run, const pb::LogSelector& selector) {
  const Style style{!run.flags.Bool("raw"), run.flags.Bool("timestamps"),
                    run.flags.Bool("details")};
  pb::SubscribeLogsRequest request;
  *request.mutable_selector() = selector;
  SWARM_ASSIGN_OR_RETURN(*request.mutable_options(), Options(run));
  SWARM_ASSIGN_OR_RETURN(Answers answers,
                         run.client.Open("Logs/SubscribeLogs", Payload::Of(std::move(request))));
  bool first = true;
  for (;;) {
    auto next = answers.Next();
    if (!next.ok()) {
      return next.status().WithContext(first ? "failed to subscribe to logs"
                                             : "failed receiving stream message");
    }
    if (!*next) return Status::Ok();
    first = false;
    SWARM_ASSIGN_OR_RETURN(const auto batch, (*next)->As<pb::SubscribeLogsMessage>());
    Show(run, *batch, style);
  }
}

}  // namespace swarm::ctl
