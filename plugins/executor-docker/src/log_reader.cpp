#include "log_reader.h"

#include <string>
#include <utility>

namespace swarm::executor_docker {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

std::string SinceText(std::int64_t nanos) {
  std::string fraction = std::to_string(nanos % kSecond);
  fraction.insert(0, 9 - fraction.size(), '0');
  return std::to_string(nanos / kSecond) + "." + fraction;
}

engine::Request RequestOf(const std::string& container, const LogRequest& wanted) {
  engine::Request out = engine::Request::Get("/containers/" + engine::Escape(container) + "/logs");
  out.query = {{"stdout", "1"}, {"stderr", "1"}, {"timestamps", "1"}};
  if (wanted.follow) out.query.emplace_back("follow", "1");
  if (wanted.since_unix_nanos > 0) {
    out.query.emplace_back("since", SinceText(wanted.since_unix_nanos));
  }
  if (wanted.tail < 0) out.query.emplace_back("tail", std::to_string(-wanted.tail - 1));
  return out;
}

// Threading: begins on the core's loop; lines come on the engine client's thread.
class LogReader : public std::enable_shared_from_this<LogReader> {
 public:
  LogReader(std::shared_ptr<Core> core, std::shared_ptr<const pb::Task> task, LogRequest request,
            Function<void(LogLine)> line, Function<void(Status)> done)
      : core_(std::move(core)),
        probe_(core_->loop(), std::move(task), nullptr),
        request_(request),
        line_(std::move(line)),
        done_(std::move(done)) {}

  void Begin() {
    if (stopped_) return;
    finding_.Run<Look>(core_->Find(probe_), [this](const Look& look) { OnFound(look); });
  }
  // [any] Lines and the end are not told any more.
  void Quiet() { stopped_ = true; }
  void Stop() {
    finding_.End();
    call_.reset();
  }

 private:
  void OnFound(const Look& look) {
    if (!look.ok()) return End(look.reply.status);
    if (!look.view || look.view->state == RunState::kCreated) {
      return End({Code::kNotFound, "the task's container has not been started"});
    }
    lines_ = std::make_unique<LogLines>(look.view->terminal, [this](LogLine line) {
      if (!stopped_) line_(std::move(line));
    });
    engine::FrameStream stream;
    stream.format =
        look.view->terminal ? engine::FrameFormat::kRaw : engine::FrameFormat::kMultiplexed;
    stream.frame = [self = shared_from_this()](const engine::Frame& frame) {
      self->lines_->Add(frame);
    };
    stream.done = [self = shared_from_this()](const engine::Reply& reply) { self->OnEnded(reply); };
    call_ = core_->client().Stream(RequestOf(look.view->id, request_), std::move(stream));
  }

  void OnEnded(const engine::Reply& reply) {
    lines_->Finish();
    if (!reply.ok()) {
      const std::string& own = reply.engine_message;
      return End({reply.status.code(), "failed getting container logs: " +
                                           (own.empty() ? reply.status.message() : own)});
    }
    if (!lines_->error().empty()) return End({Code::kUnknown, lines_->error()});
    End({});
  }

  void End(const Status& status) {
    if (!stopped_.exchange(true)) done_(status);
  }

  const std::shared_ptr<Core> core_;
  Handle probe_;
  const LogRequest request_;
  Function<void(LogLine)> line_;
  Function<void(Status)> done_;
  std::atomic<bool> stopped_ = false;
  FlowSlot finding_;
  std::unique_ptr<LogLines> lines_;
  engine::CallHandle call_;
};

}  // namespace

std::shared_ptr<void> ReadLogs(const std::shared_ptr<Core>& core,
                               std::shared_ptr<const pb::Task> task, LogRequest request,
                               Function<void(LogLine)> line, Function<void(Status)> done) {
  auto reader =
      std::make_shared<LogReader>(core, std::move(task), request, std::move(line), std::move(done));
  core->loop().Post([reader] { reader->Begin(); });
  return std::shared_ptr<void>(reader.get(), [core, reader](void*) mutable {
    reader->Quiet();
    core->loop().Post([reader = std::move(reader)] { reader->Stop(); });
  });
}

}  // namespace swarm::executor_docker
