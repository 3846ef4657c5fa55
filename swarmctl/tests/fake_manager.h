// A manager that answers from a table, for commands that run in the test's own process.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "run.h"
#include "swarm/rpc.h"
#include "swarmkit/v1/control.pb.h"

namespace swarm::ctl {

namespace pb = ::docker::swarmkit::v1;

struct DoneCall final : PendingCall {
  void Cancel() noexcept override {}
};

// Gives its messages and then its end.
class FakeStream final : public ClientStream {
 public:
  FakeStream(std::vector<Payload> messages, Status end)
      : messages_(messages.begin(), messages.end()), end_(std::move(end)) {}
  void Send(Payload, Function<void(bool)> done) noexcept override { done(true); }
  void CloseSend() noexcept override {}
  void Cancel() noexcept override {}
  void Read(Function<void(Result<std::optional<Payload>>)> done) noexcept override {
    if (messages_.empty()) {
      if (end_.ok()) return done(std::optional<Payload>());
      return done(end_);
    }
    Payload next = messages_.front();
    messages_.pop_front();
    done(std::optional<Payload>(std::move(next)));
  }

 private:
  std::deque<Payload> messages_;
  const Status end_;
};

class FakeManager final : public Channel {
 public:
  using Answer = std::function<Result<Payload>(const Payload&)>;

  std::shared_ptr<PendingCall> Call(std::string_view method, CallOptions, Payload request,
                                    Function<void(Result<Payload>)> done) noexcept override {
    const std::string name(method.substr(method.rfind('/') + 1));
    requests[name] = request.Bytes();
    const auto found = answers.find(name);
    if (found == answers.end()) {
      done(Status(Code::kNotFound, "object not found"));
    } else {
      done(found->second(request));
    }
    return std::make_shared<DoneCall>();
  }
  std::shared_ptr<ClientStream> Open(std::string_view, CallOptions) noexcept override {
    return std::make_shared<FakeStream>(stream, stream_end);
  }

  std::map<std::string, Answer> answers;
  std::map<std::string, std::string> requests;
  std::vector<Payload> stream;
  Status stream_end;
};

// Commands against a FakeManager, in virtual time.
class CommandTest : public testing::Test {
 protected:
  static constexpr std::int64_t kNow = 10'000;  // seconds

  Outcome Run(std::vector<std::string> arguments) {
    Environment environment;
    environment.program = "swarmctl";
    environment.default_socket = "/var/run/swarmd.sock";
    environment.connect = [this](const std::string& socket) -> Result<std::shared_ptr<Channel>> {
      socket_ = socket;
      return std::shared_ptr<Channel>(manager_);
    };
    environment.now = [] { return WallTime(std::chrono::seconds(kNow)); };
    environment.steady = [this] { return steady_; };
    environment.pause = [this](Duration duration) {
      steady_ += duration;
      return !paused_ || paused_();
    };
    environment.read = [this](const std::string& path) -> Result<std::string> {
      const auto found = files_.find(path);
      if (found != files_.end()) return found->second;
      return Status(Code::kInvalidArgument, "open " + path + ": no such file or directory");
    };
    environment.columns = [this] { return columns_; };
    return RunCtl(std::move(arguments), environment);
  }

  template <class M>
  void Answer(const std::string& method, M message) {
    const Payload payload = Payload::Of(std::move(message));
    manager_->answers[method] = [payload](const Payload&) { return payload; };
  }
  void Refuse(const std::string& method, Status status) {
    manager_->answers[method] = [status](const Payload&) { return Result<Payload>(status); };
  }
  template <class M>
  M Request(const std::string& method) {
    M out;
    EXPECT_TRUE(out.ParseFromString(manager_->requests[method])) << method;
    return out;
  }

  std::shared_ptr<FakeManager> manager_ = std::make_shared<FakeManager>();
  std::string socket_;
  SteadyTime steady_{Duration(0)};
  std::function<bool()> paused_;  // called for every pause; false: interrupted
  std::map<std::string, std::string> files_;
  int columns_ = 0;
};

}  // namespace swarm::ctl
