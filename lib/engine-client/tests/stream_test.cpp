// Answers without an end, uploads, back-pressure, cancelling.
#include <future>

#include "client_fixture.h"

namespace swarm::engine::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// What a stream delivered, in order.
class Log {
 public:
  void Add(std::string text) {
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(text));
    changed_.notify_all();
  }
  bool WaitFor(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kLong, [&] { return lines_.size() >= count; });
  }
  std::vector<std::string> Lines() {
    const std::lock_guard lock(mutex_);
    return lines_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> lines_;
};

JsonStream Into(Log& log, ReplyDone done) {
  JsonStream stream;
  stream.object = [&log](nlohmann::json& object) { log.Add(object.dump()); };
  stream.done = std::move(done);
  return stream;
}

FrameStream FramesInto(Log& log, ReplyDone done, FrameFormat format = FrameFormat::kMultiplexed) {
  FrameStream stream;
  stream.format = format;
  stream.frame = [&log](const Frame& frame) {
    log.Add(std::to_string(frame.stream) + ":" + std::string(frame.data));
  };
  stream.done = std::move(done);
  return stream;
}

class StreamTest : public ClientTest {};

TEST_F(StreamTest, DeliversObjectsAsTheyComeUntilTheEngineEnds) {
  Event first_seen;
  engine_.On("GET /events", [&](auto& c, auto&) {
    c.BeginChunked();
    c.Chunk(R"({"Type":"container","Act)");
    c.Chunk("ion\":\"start\"}\n");
    first_seen.Wait();
    c.Chunk("{\"n\":2}\n{\"n\":3}");
    c.EndChunked();
  });
  const auto client = NewClient(engine_.address());
  Log log;
  Awaited<Reply> done;
  Event started;
  JsonStream stream = Into(log, done.Setter());
  stream.started = [&] { started.Set(); };
  const CallHandle call = client->Stream(Request::Get("/events"), std::move(stream));
  EXPECT_TRUE(started.Wait());
  EXPECT_TRUE(log.WaitFor(1));
  first_seen.Set();
  EXPECT_TRUE(done.Get().ok());
  EXPECT_THAT(log.Lines(),
              ElementsAre(R"({"Action":"start","Type":"container"})", R"({"n":2})", R"({"n":3})"));
}

TEST_F(StreamTest, ARefusedStreamDeliversNothingButTheError) {
  engine_.On("GET /events", [](auto& c, auto&) { c.Answer(404, R"({"message":"{}"})"); });
  const auto client = NewClient(engine_.address());
  Log log;
  Awaited<Reply> done;
  JsonStream stream = Into(log, done.Setter());
  stream.started = [&] { log.Add("started"); };
  const CallHandle call = client->Stream(Request::Get("/events"), std::move(stream));
  EXPECT_EQ(done.Get().failure, Failure::kNotFound);
  EXPECT_THAT(log.Lines(), ElementsAre());
}

TEST_F(StreamTest, TellsACutStreamFromOneThatEnded) {
  engine_.On("GET /events", [](auto& c, auto&) {
    c.BeginChunked();
    c.Chunk("{\"n\":1}\n");
    c.CloseAfter();
  });
  engine_.On("GET /half", [](auto& c, auto&) {
    c.BeginChunked();
    c.Chunk("{\"n\":");
    c.EndChunked();
  });
  engine_.On("GET /bad", [](auto& c, auto&) {
    c.BeginChunked();
    c.Chunk("{\"n\":1}\nEOF");
    c.WaitForClose();
  });
  const auto client = NewClient(engine_.address());
  const std::pair<const char*, Failure> kCases[] = {{"/events", Failure::kConnectionLost},
                                                    {"/half", Failure::kGarbage},
                                                    {"/bad", Failure::kGarbage}};
  for (const auto& [path, failure] : kCases) {
    Log log;
    Awaited<Reply> done;
    const CallHandle call = client->Stream(Request::Get(path), Into(log, done.Setter()));
    const Reply reply = done.Get();
    EXPECT_EQ(reply.failure, failure) << path << reply.status;
  }
}

TEST_F(StreamTest, AnObjectOverTheLimitEndsTheStream) {
  engine_.On("GET /events", [](auto& c, auto&) {
    c.BeginChunked();
    c.Chunk("{\"n\":\"" + std::string(1000, 'x'));
    c.WaitForClose();
  });
  const auto client = NewClient(engine_.address());
  Log log;
  Awaited<Reply> done;
  Request request = Request::Get("/events");
  request.limit = 500;
  const CallHandle call = client->Stream(std::move(request), Into(log, done.Setter()));
  EXPECT_EQ(done.Get().failure, Failure::kTooLarge);
}

TEST_F(StreamTest, CutsLogsIntoFramesWhateverThePieces) {
  const std::string frames =
      std::string("\1\0\0\0\0\0\0\4out\n", 12) + std::string("\2\0\0\0\0\0\0\3err", 11);
  engine_.On("GET /logs", [&](auto& c, auto&) {
    c.BeginChunked();
    for (const char byte : frames) c.Chunk(std::string(1, byte));
    c.EndChunked();
  });
  engine_.On("GET /tty", [&](auto& c, auto&) { c.Answer(200, "plain\r\n"); });
  engine_.On("GET /says", [&](auto& c, auto&) {
    c.Answer(200, frames, "Content-Type: application/vnd.docker.multiplexed-stream\r\n");
  });
  engine_.On("GET /not", [&](auto& c, auto&) { c.Answer(200, "plain text\r\n"); });
  engine_.On("GET /half", [&](auto& c, auto&) { c.Answer(200, frames.substr(0, 20)); });
  const auto client = NewClient(engine_.address());
  const auto run = [&](const char* path, FrameFormat format, Log& log) {
    Awaited<Reply> done;
    const CallHandle call =
        client->Stream(Request::Get(path), FramesInto(log, done.Setter(), format));
    return done.Get().failure;
  };
  Log logs, tty, says, not_frames, half;
  EXPECT_EQ(run("/logs", FrameFormat::kMultiplexed, logs), Failure::kNone);
  EXPECT_THAT(logs.Lines(), ElementsAre("1:out\n", "2:err"));
  EXPECT_EQ(run("/tty", FrameFormat::kRaw, tty), Failure::kNone);
  EXPECT_THAT(tty.Lines(), ElementsAre("1:plain\r\n"));
  EXPECT_EQ(run("/says", FrameFormat::kRaw, says), Failure::kNone);
  EXPECT_THAT(says.Lines(), ElementsAre("1:out\n", "2:err"));
  EXPECT_EQ(run("/not", FrameFormat::kMultiplexed, not_frames), Failure::kGarbage);
  EXPECT_EQ(run("/half", FrameFormat::kMultiplexed, half), Failure::kGarbage);
  EXPECT_THAT(half.Lines(), ElementsAre("1:out\n"));
}

TEST_F(StreamTest, APausedConsumerMakesTheEngineWait) {
  constexpr int kObjects = 6000;
  std::atomic<int> written = 0;
  const std::string filler(1000, 'x');
  engine_.On("GET /events", [&](auto& c, auto&) {
    c.BeginChunked();
    for (int i = 0; i < kObjects; ++i) {
      if (!c.Chunk("{\"n\":" + std::to_string(i) + ",\"f\":\"" + filler + "\"}")) return;
      ++written;
    }
    c.EndChunked();
  });
  const auto client = NewClient(engine_.address());
  std::atomic<int> taken = 0;
  std::atomic<bool> in_order = true;
  std::atomic<bool> pausing = true;
  Event paused;
  CallHandle call;
  Event have_call;
  Awaited<Reply> done;
  JsonStream stream;
  stream.object = [&](nlohmann::json& object) {
    in_order = in_order && object["n"] == taken.load();
    ++taken;
    if (!pausing) return;
    have_call.Wait();
    call->Pause();
    paused.Set();
  };
  stream.done = done.Setter();
  call = client->Stream(Request::Get("/events"), std::move(stream));
  have_call.Set();
  ASSERT_TRUE(paused.Wait());
  // The engine fills the socket's buffers and then stands still.
  for (int before = -1; before != written;) {
    before = written;
    std::promise<void>().get_future().wait_for(milliseconds(100));
  }
  EXPECT_EQ(taken, 1);
  EXPECT_LT(written, kObjects / 2);
  for (int i = 2; i < 5; ++i) {  // one more each time, as each pauses again
    call->Resume();
    for (int waited = 0; taken < i && waited < 3000; ++waited)
      std::promise<void>().get_future().wait_for(milliseconds(10));
    EXPECT_EQ(taken, i);
  }
  pausing = false;
  call->Resume();
  EXPECT_TRUE(done.Get().ok());
  EXPECT_EQ(taken, kObjects);
  EXPECT_TRUE(in_order);
}

TEST_F(StreamTest, WhatWasOnItsWayComesAfterTheEngineEnded) {
  engine_.On("GET /events", [](auto& c, auto&) { c.Answer(200, "{\"n\":1}{\"n\":2}{\"n\":3}"); });
  const auto client = NewClient(engine_.address());
  Log log;
  Awaited<Reply> done;
  CallHandle call;
  Event have_call;
  JsonStream stream;
  stream.object = [&](nlohmann::json& object) {
    have_call.Wait();
    call->Pause();
    log.Add(object.dump());
  };
  stream.done = done.Setter();
  call = client->Stream(Request::Get("/events"), std::move(stream));
  have_call.Set();
  for (std::size_t i = 1; i <= 3; ++i) {
    EXPECT_TRUE(log.WaitFor(i));
    EXPECT_FALSE(done.HasCome());
    EXPECT_EQ(log.Lines().size(), i);
    call->Resume();
  }
  EXPECT_TRUE(done.Get().ok());
}

TEST_F(StreamTest, ManyWaitsShareOneThread) {
  constexpr int kWaits = 300;
  Event exit;
  engine_.On("POST /containers/x/wait", [&](auto& c, auto&) {
    c.BeginChunked();
    exit.Wait();
    c.Chunk(R"({"Error":null,"StatusCode":7})");
    c.EndChunked();
  });
  engine_.On("GET /info", [](auto& c, auto&) { c.Answer(200, "{}"); });
  const auto client = NewClient(engine_.address());
  std::atomic<int> begun = 0;
  Event all_begun;
  std::vector<Awaited<Reply>> done(kWaits);
  std::vector<CallHandle> calls;
  for (auto& one : done) {
    calls.push_back(client->Wait(
        Request::Post("/containers/x/wait").Query("condition", "next-exit").Within(kLong),
        [&] {
          if (++begun == kWaits) all_begun.Set();
        },
        one.Setter()));
  }
  ASSERT_TRUE(all_begun.Wait());
  EXPECT_TRUE(Get(*client, "/info").ok());  // nothing stands in the way of other calls
  exit.Set();
  for (auto& one : done) {
    const Reply reply = one.Get();
    ASSERT_TRUE(reply.ok()) << reply.status;
    EXPECT_EQ(reply.Json().value()["StatusCode"], 7);
  }
}

TEST_F(StreamTest, AWaitHasNoLimitOfTimeOnceItHasBegun) {
  Event exit;
  engine_.On("POST /wait", [&](auto& c, auto&) {
    c.BeginChunked();
    exit.Wait();
    c.Chunk("{}");
    c.EndChunked();
  });
  const auto client = NewClient(engine_.address());
  Event started;
  Awaited<Reply> done;
  const CallHandle call = client->Wait(
      Request::Post("/wait").Within(milliseconds(300)), [&] { started.Set(); }, done.Setter());
  ASSERT_TRUE(started.Wait());
  // A later call with the same limit runs out of it; the wait does not.
  engine_.On("GET /hang", [](auto& c, auto&) { c.WaitForClose(); });
  EXPECT_EQ(Send(*client, Request::Get("/hang").Within(milliseconds(350))).failure,
            Failure::kTimedOut);
  EXPECT_FALSE(done.HasCome());
  exit.Set();
  EXPECT_TRUE(done.Get().ok());
}

TEST_F(StreamTest, AStreamWhoseHeadDoesNotComeTimesOut) {
  engine_.On("GET /events", [](auto& c, auto&) { c.WaitForClose(); });
  const auto client = NewClient(engine_.address());
  Log log;
  Awaited<Reply> done;
  const CallHandle call =
      client->Stream(Request::Get("/events").Within(milliseconds(50)), Into(log, done.Setter()));
  EXPECT_EQ(done.Get().failure, Failure::kTimedOut);
}

// Gives `size` bytes, in small parts, and says kLater now and then.
class CountingSource final : public BodySource {
 public:
  CountingSource(std::size_t size, std::function<void()> later)
      : left_(size), later_(std::move(later)) {}
  Part Read(std::span<std::byte> out) noexcept override {
    if (left_ == 0) return {Part::kEnd, 0};
    if (++reads_ % 5 == 0) {
      later_();
      return {Part::kLater, 0};
    }
    const std::size_t count = std::min({out.size(), left_, std::size_t{7000}});
    std::fill_n(out.begin(), count, std::byte{'x'});
    left_ -= count;
    return {Part::kBytes, count};
  }

 private:
  std::size_t left_;
  const std::function<void()> later_;
  int reads_ = 0;
};

TEST_F(StreamTest, UploadsABodyThatIsNeverWhole) {
  std::size_t received = 0;
  std::string type;
  engine_.On("POST /build", [&](auto& c, const FakeRequest& request) {
    received = request.body.size();
    type = request.headers.at("content-type");
    c.Answer(200, "{\"stream\":\"done\"}");
  });
  const auto client = NewClient(engine_.address());
  Log log;
  Awaited<Reply> done;
  CallHandle call;
  Event have_call;
  Request request = Request::Post("/build");
  request.content_type = "application/x-tar";
  request.source = std::make_unique<CountingSource>(1'000'000, [&] {
    have_call.Wait();
    call->ResumeUpload();
  });
  call = client->Stream(std::move(request), Into(log, done.Setter()));
  have_call.Set();
  const Reply reply = done.Get();
  EXPECT_TRUE(reply.ok()) << reply.status;
  EXPECT_EQ(received, 1'000'000u);
  EXPECT_EQ(type, "application/x-tar");
  EXPECT_THAT(log.Lines(), ElementsAre(R"({"stream":"done"})"));
}

class FailingSource final : public BodySource {
 public:
  Part Read(std::span<std::byte>) noexcept override { return {Part::kFailed, 0}; }
};

TEST_F(StreamTest, ASourceThatFailsEndsTheCall) {
  const auto client = NewClient(engine_.address());
  Request request = Request::Post("/build");
  request.source = std::make_unique<FailingSource>();
  const Reply reply = Send(*client, std::move(request));
  EXPECT_EQ(reply.failure, Failure::kCancelled);
  EXPECT_THAT(reply.status.message(), HasSubstr("gave up"));
}

TEST_F(StreamTest, DeliversBytesAsTheyAre) {
  const std::string bytes = std::string(100'000, '\0') + "end";
  engine_.On("GET /archive", [&](auto& c, auto&) { c.Answer(200, bytes); });
  const auto client = NewClient(engine_.address());
  std::string got;
  Awaited<Reply> done;
  ByteStream stream;
  stream.bytes = [&](std::string_view part) { got += part; };
  stream.done = done.Setter();
  const CallHandle call = client->Stream(Request::Get("/archive"), std::move(stream));
  EXPECT_TRUE(done.Get().ok());
  EXPECT_EQ(got, bytes);
}

TEST_F(StreamTest, CancellingEndsTheCallAndClosesTheConnection) {
  Event closed;
  engine_.On("GET /events", [&](auto& c, auto&) {
    c.BeginChunked();
    c.Chunk("{}");
    c.WaitForClose();
    closed.Set();
  });
  const auto client = NewClient(engine_.address());
  Log log;
  Awaited<Reply> done;
  CallHandle call = client->Stream(Request::Get("/events"), Into(log, done.Setter()));
  ASSERT_TRUE(log.WaitFor(1));
  call.reset();
  const Reply reply = done.Get();
  EXPECT_EQ(reply.failure, Failure::kCancelled);
  EXPECT_EQ(reply.status.code(), Code::kCancelled);
  EXPECT_FALSE(reply.engine_down());
  EXPECT_TRUE(closed.Wait());
}

TEST_F(StreamTest, NothingFollowsACancelFromACallback) {
  engine_.On("GET /events", [](auto& c, auto&) { c.Answer(200, "{}{}{}{}{}"); });
  const auto client = NewClient(engine_.address());
  std::atomic<int> objects = 0;
  CallHandle call;
  Event have_call;
  Awaited<Reply> done;
  JsonStream stream;
  stream.object = [&](nlohmann::json&) {
    have_call.Wait();
    ++objects;
    call->Cancel();
  };
  stream.done = done.Setter();
  call = client->Stream(Request::Get("/events"), std::move(stream));
  have_call.Set();
  EXPECT_EQ(done.Get().failure, Failure::kCancelled);
  EXPECT_EQ(objects, 1);
}

// Cancels at every moment of a call's life, from another thread.
TEST_F(StreamTest, EveryCallEndsExactlyOnceHoweverItIsCancelled) {
  engine_.On("GET /info", [](auto& c, auto&) { c.Answer(200, "{}"); });
  const auto client = NewClient(engine_.address());
  for (int round = 0; round < 300; ++round) {
    std::atomic<int> ends = 0;
    Awaited<Reply> done;
    CallHandle call =
        client->Send(Request::Get("/info"), [&ends, set = done.Setter()](Reply reply) mutable {
          ++ends;
          set(std::move(reply));
        });
    for (std::atomic<int> spin = 0; spin < round * 100; ++spin) {
    }
    if (round % 2 == 0) call->Cancel();
    call.reset();
    const Reply reply = done.Get();
    EXPECT_TRUE(reply.ok() || reply.failure == Failure::kCancelled) << reply.status;
    EXPECT_EQ(ends, 1);
  }
}

TEST_F(StreamTest, StoppingAClientEndsItsCallsAndNoOthers) {
  engine_.On("GET /events", [](auto& c, auto&) {
    c.BeginChunked();
    c.Chunk("{}");
    c.WaitForClose();
  });
  engine_.On("GET /info", [](auto& c, auto&) { c.Answer(200, "{}"); });
  auto client = NewClient(engine_.address());
  const auto other = NewClient(engine_.address());
  Log log;
  std::atomic<int> ended = 0;
  std::vector<CallHandle> calls;
  for (int i = 0; i < 20; ++i) {
    calls.push_back(client->Stream(Request::Get("/events"), Into(log, [&](Reply reply) {
                                     EXPECT_EQ(reply.failure, Failure::kCancelled);
                                     ++ended;
                                   })));
  }
  ASSERT_TRUE(log.WaitFor(5));
  client->Stop();
  EXPECT_EQ(ended, 20);
  EXPECT_EQ(Get(*client, "/info").failure, Failure::kCancelled);
  client->Stop();
  client.reset();
  EXPECT_TRUE(Get(*other, "/info").ok());
}

TEST_F(StreamTest, CallsMayBeMadeAndDroppedInCallbacks) {
  engine_.On("GET /info", [](auto& c, auto&) { c.Answer(200, "{}"); });
  const auto client = NewClient(engine_.address());
  Awaited<Reply> done;
  CallHandle first, second;
  Event have_first;
  first = client->Send(Request::Get("/info"), [&](Reply reply) {
    EXPECT_TRUE(reply.ok());
    EXPECT_TRUE(reactor_->InThread());
    have_first.Wait();
    first.reset();
    second = client->Send(Request::Get("/info"), done.Setter());
  });
  have_first.Set();
  EXPECT_TRUE(done.Get().ok());
  client->Stop();
}

}  // namespace
}  // namespace swarm::engine::test
