// The engine client against a real Docker Engine.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <mutex>

#include "support/docker_engine.h"

namespace swarm::test {
namespace {

using engine::Failure;
using engine::Reply;
using engine::Request;
using testing::HasSubstr;

class EngineTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (DockerEngine::Unavailable()) return;
    engine_ = std::make_unique<DockerEngine>();
    ASSERT_TRUE(engine_->Start({"--live-restore"})) << engine_->log();
  }
  static void TearDownTestSuite() { engine_.reset(); }

  void SetUp() override {
    if (const auto reason = DockerEngine::Unavailable()) GTEST_SKIP() << *reason;
    ASSERT_TRUE(engine_ && engine_->running());
  }

  // Made and started; its id.
  static std::string Run(const std::vector<std::string>& command) {
    const Reply made = engine_->Call(
        Request::PostJson("/containers/create", {{"Image", "busybox:latest"}, {"Cmd", command}}));
    EXPECT_TRUE(made.ok()) << made.status;
    const std::string id = made.Json().value()["Id"];
    const Reply started = engine_->Call(Request::Post("/containers/" + id + "/start"));
    EXPECT_TRUE(started.ok()) << started.status;
    return id;
  }
  static void Remove(const std::string& id) {
    engine_->Call(Request::Delete("/containers/" + id).Query("force", "1").Query("v", "1"));
  }

  inline static std::unique_ptr<DockerEngine> engine_;
};

// The end of one stream or wait.
struct End {
  std::promise<Reply> promise;
  std::future<Reply> future = promise.get_future();
  engine::ReplyDone Done() {
    return [this](Reply reply) { promise.set_value(std::move(reply)); };
  }
  Reply Get() {
    EXPECT_EQ(future.wait_for(30s), std::future_status::ready);
    return future.get();
  }
};

TEST_F(EngineTest, WaitsForAnExitCodeAndReadsTheLogs) {
  const std::string id = Run({"sh", "-c", "echo out; echo err >&2; exit 7"});
  End wait;
  const auto waiting = engine_->client().Wait(
      Request::Post("/containers/" + id + "/wait").Query("condition", "not-running"), {},
      wait.Done());
  const Reply ended = wait.Get();
  ASSERT_TRUE(ended.ok()) << ended.status;
  EXPECT_EQ(ended.Json().value()["StatusCode"], 7);

  std::string out, err;
  End logs;
  engine::FrameStream stream;
  stream.frame = [&](const engine::Frame& frame) {
    (frame.stream == engine::Frame::kStderr ? err : out) += frame.data;
  };
  stream.done = logs.Done();
  const auto reading = engine_->client().Stream(
      Request::Get("/containers/" + id + "/logs").Query("stdout", "1").Query("stderr", "1"),
      std::move(stream));
  EXPECT_TRUE(logs.Get().ok());
  EXPECT_EQ(out, "out\n");
  EXPECT_EQ(err, "err\n");
  Remove(id);
}

TEST_F(EngineTest, TellsRefusalsApart) {
  const Reply missing = engine_->Call(Request::Get("/containers/nobody/json"));
  EXPECT_EQ(missing.failure, Failure::kNotFound);
  EXPECT_EQ(missing.status.message(), "engine " + engine_->address() +
                                          ": GET /containers/nobody/json: No such container: "
                                          "nobody");
  const auto create = [&](const nlohmann::json& body) {
    return engine_->Call(Request::PostJson("/containers/create", body).Query("name", "twice"));
  };
  EXPECT_EQ(create({{"Image", "nothing:here"}}).failure, Failure::kNotFound);
  EXPECT_EQ(create({{"Image", "busybox:latest"}}).failure, Failure::kBadRequest);
  EXPECT_TRUE(create({{"Image", "busybox:latest"}, {"Cmd", {"true"}}}).ok());
  EXPECT_EQ(create({{"Image", "busybox:latest"}, {"Cmd", {"true"}}}).failure, Failure::kConflict);
  EXPECT_TRUE(engine_->Call(Request::Post("/containers/twice/stop")).not_modified());
  Remove("twice");
}

TEST_F(EngineTest, FollowsEventsOfManyContainersWhileManyWaitsAreOpen) {
  constexpr int kContainers = 20;
  std::atomic<int> died = 0;
  End events;
  std::promise<void> started;
  engine::JsonStream stream;
  stream.started = [&] { started.set_value(); };
  stream.object = [&](nlohmann::json& event) { died += event["Action"] == "die"; };
  stream.done = events.Done();
  auto following = engine_->client().Stream(
      Request::Get("/events").Query("filters", engine::Filters({{"type", {"container"}}})),
      std::move(stream));
  ASSERT_EQ(started.get_future().wait_for(30s), std::future_status::ready);

  std::vector<std::string> ids;
  std::vector<End> waits(kContainers);
  std::vector<engine::CallHandle> waiting;
  for (int i = 0; i < kContainers; ++i) {
    ids.push_back(Run({"sleep", "3600"}));
    waiting.push_back(engine_->client().Wait(Request::Post("/containers/" + ids.back() + "/wait"),
                                             {}, waits[static_cast<std::size_t>(i)].Done()));
  }
  for (const std::string& id : ids) {
    EXPECT_TRUE(engine_->Call(Request::Post("/containers/" + id + "/kill")).ok());
  }
  for (End& wait : waits) EXPECT_EQ(wait.Get().Json().value()["StatusCode"], 137);
  EXPECT_TRUE(Eventually([&] { return died == kContainers; }));
  following.reset();
  EXPECT_EQ(events.Get().failure, Failure::kCancelled);
  for (const std::string& id : ids) Remove(id);
}

// The container's files as a tar, in pieces.
class TextSource final : public engine::BodySource {
 public:
  explicit TextSource(std::string text) : text_(std::move(text)) {}
  Part Read(std::span<std::byte> out) noexcept override {
    const std::size_t count = std::min({out.size(), text_.size() - at_, std::size_t{1000}});
    if (count == 0) return {Part::kEnd, 0};
    std::transform(text_.begin() + static_cast<std::ptrdiff_t>(at_),
                   text_.begin() + static_cast<std::ptrdiff_t>(at_ + count), out.begin(),
                   [](char c) { return static_cast<std::byte>(c); });
    at_ += count;
    return {Part::kBytes, count};
  }

 private:
  const std::string text_;
  std::size_t at_ = 0;
};

TEST_F(EngineTest, PutsAndGetsFilesAndBuildsAnImage) {
  const std::string id = Run({"sleep", "3600"});
  const TemporaryFolder folder;
  WriteText(folder / "Dockerfile", "FROM busybox:latest\nCOPY Dockerfile /copied\n");
  const Finished tar = Execute({"tar", "-C", folder.path(), "-c", "Dockerfile"});
  ASSERT_EQ(tar.code, 0);

  Request put = Request::Put("/containers/" + id + "/archive").Query("path", "/tmp");
  put.content_type = "application/x-tar";
  put.source = std::make_unique<TextSource>(tar.out);
  const Reply stored = engine_->Call(std::move(put));
  ASSERT_TRUE(stored.ok()) << stored.status;

  std::string got;
  End archive;
  engine::ByteStream bytes;
  bytes.bytes = [&](std::string_view part) { got += part; };
  bytes.done = archive.Done();
  const auto reading = engine_->client().Stream(
      Request::Get("/containers/" + id + "/archive").Query("path", "/tmp/Dockerfile"),
      std::move(bytes));
  EXPECT_TRUE(archive.Get().ok());
  EXPECT_THAT(got, HasSubstr("COPY Dockerfile /copied"));
  Remove(id);

  Request build = Request::Post("/build").Query("t", "built:1");
  build.content_type = "application/x-tar";
  build.source = std::make_unique<TextSource>(tar.out);
  std::string said;
  End built;
  engine::JsonStream progress;
  progress.object = [&](nlohmann::json& object) { said += object.value("stream", ""); };
  progress.done = built.Done();
  const auto building = engine_->client().Stream(std::move(build), std::move(progress));
  const Reply reply = built.Get();
  EXPECT_TRUE(reply.ok()) << reply.status;
  EXPECT_THAT(said, HasSubstr("Successfully built"));
  EXPECT_TRUE(engine_->Call(Request::Get("/images/built:1/json")).ok());
}

TEST_F(EngineTest, AFailedPullIsTheLastObjectOrTheReply) {
  std::string error;
  End pulled;
  engine::JsonStream progress;
  progress.object = [&](nlohmann::json& object) { error = object.value("error", error); };
  progress.done = pulled.Done();
  const auto pulling = engine_->client().Stream(Request::Post("/images/create")
                                                    .Query("fromImage", "127.0.0.1:1/nothing")
                                                    .Query("tag", "latest")
                                                    .Header("X-Registry-Auth", ""),
                                                std::move(progress));
  const Reply reply = pulled.Get();
  EXPECT_TRUE(!reply.ok() || !error.empty());
  EXPECT_THAT(reply.status.message() + error, HasSubstr("127.0.0.1:1"));
}

TEST_F(EngineTest, AKilledEngineCutsStreamsAndIsFoundAgain) {
  const std::string id = Run({"sleep", "3600"});
  End wait;
  std::promise<void> begun;
  const auto waiting = engine_->client().Wait(
      Request::Post("/containers/" + id + "/wait"), [&] { begun.set_value(); }, wait.Done());
  ASSERT_EQ(begun.get_future().wait_for(30s), std::future_status::ready);
  engine_->Kill();
  const Reply lost = wait.Get();
  EXPECT_EQ(lost.failure, Failure::kConnectionLost) << lost.status;
  EXPECT_TRUE(lost.engine_down());
  const Reply down = engine_->Call(Request::Get("/info"));
  EXPECT_EQ(down.failure, Failure::kUnreachable) << down.status;
  ASSERT_TRUE(engine_->Start()) << engine_->log();
  const Reply inspected = engine_->Call(Request::Get("/containers/" + id + "/json"));
  ASSERT_TRUE(inspected.ok()) << inspected.status;
  EXPECT_EQ(inspected.Json().value()["State"]["Status"], "running");
  Remove(id);
}

TEST_F(EngineTest, AFrozenEngineTimesOutAndAnswersAgain) {
  engine_->Freeze();
  const Reply hung = engine_->Call(Request::Get("/info").Within(200ms));
  engine_->Thaw();
  EXPECT_EQ(hung.failure, Failure::kTimedOut) << hung.status;
  EXPECT_TRUE(hung.engine_down());
  EXPECT_TRUE(engine_->Call(Request::Get("/info")).ok());
}

// Authorities, a server's and two clients' certificates, one of them by strangers.
std::string MakeCertificates(const TemporaryFolder& folder, const std::string& ip) {
  const std::string script = R"(
    set -e; cd "$0"
    for who in ca stranger; do
      openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=$who \
        -keyout $who.key -out $who.pem
    done
    sign() { # NAME AUTHORITY EXTENSIONS
      openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=$1 \
        -keyout $1.key -out $1.csr
      printf '%s\n' "$3" > $1.ext
      openssl x509 -req -in $1.csr -CA $2.pem -CAkey $2.key -CAcreateserial -days 1 \
        -extfile $1.ext -out $1.pem
    }
    sign server ca "subjectAltName=IP:$1,DNS:engine.example"
    sign client ca "extendedKeyUsage=clientAuth"
    sign intruder stranger "extendedKeyUsage=clientAuth"
  )";
  const Finished made = Execute({"bash", "-c", script, folder.path(), ip});
  return made.code == 0 ? "" : made.err;
}

TEST(EngineTlsTest, BothSidesProveWhoTheyAre) {
  if (const auto reason = DockerEngine::Unavailable()) GTEST_SKIP() << *reason;
  DockerEngine docker;
  const TemporaryFolder pki;
  ASSERT_EQ(MakeCertificates(pki, docker.ip()), "");
  const std::string address = "tcp://" + docker.ip() + ":2376";
  ASSERT_TRUE(docker.Start({"-H", address, "--tlsverify", "--tlscacert", pki / "ca.pem",
                            "--tlscert", pki / "server.pem", "--tlskey", pki / "server.key"}))
      << docker.log();

  const auto ask = [&](std::optional<engine::TlsFiles> tls) {
    engine::ClientOptions options;
    options.address = engine::ParseAddress(address).value();
    options.tls = std::move(tls);
    const auto client = docker.reactor().NewClient(std::move(options)).value();
    End end;
    const auto call = client->Send(Request::Get("/info"), end.Done());
    return end.Get();
  };
  const auto files = [&](const std::string& ca, const std::string& who, const std::string& name) {
    engine::TlsFiles tls;
    tls.ca = pki / (ca + ".pem");
    if (!who.empty()) tls.cert = pki / (who + ".pem");
    if (!who.empty()) tls.key = pki / (who + ".key");
    tls.server_name = name;
    return tls;
  };
  const Reply good = ask(files("ca", "client", ""));
  EXPECT_TRUE(good.ok()) << good.status;
  const Reply named = ask(files("ca", "client", "engine.example"));
  EXPECT_TRUE(named.ok()) << named.status;
  for (const Reply& bad :
       {ask(files("ca", "client", "other.example")), ask(files("stranger", "client", ""))}) {
    EXPECT_EQ(bad.failure, Failure::kUntrusted) << bad.status;
    EXPECT_FALSE(bad.engine_down());
  }
  // The engine says why it closes, but its closing may overtake its words.
  for (const Reply& refused : {ask(files("ca", "", "")), ask(files("ca", "intruder", ""))}) {
    EXPECT_TRUE(refused.failure == Failure::kUntrusted ||
                refused.failure == Failure::kConnectionLost)
        << refused.status;
  }
  const Reply plain = ask(std::nullopt);
  EXPECT_EQ(plain.failure, Failure::kBadRequest) << plain.status;
  EXPECT_THAT(plain.status.message(), HasSubstr("HTTPS server"));
}

}  // namespace
}  // namespace swarm::test
