// Whole calls: answers, errors, versions, time limits.
#include "client_fixture.h"

namespace swarm::engine::test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

TEST_F(ClientTest, SpeaksTheNewestVersionBothKnowAndKeepsTheConnection) {
  engine_.SetApi("1.44");
  engine_.On("GET /info", [](auto& c, auto&) { c.Answer(200, R"({"Name":"n1"})"); });
  const auto client = NewClient(engine_.address());
  EXPECT_EQ(client->version(), std::nullopt);
  for (int i = 0; i < 3; ++i) {
    const Reply reply = Get(*client, "/info");
    ASSERT_TRUE(reply.ok()) << reply.status;
    EXPECT_EQ(reply.http_status, 200);
    EXPECT_EQ(reply.Json().value()["Name"], "n1");
  }
  EXPECT_THAT(engine_.Asked(),
              ElementsAre("GET /_ping", "GET /v1.44/info", "GET /v1.44/info", "GET /v1.44/info"));
  EXPECT_EQ(client->version(), (ApiVersion{1, 44}));
  EXPECT_EQ(engine_.connections(), 2) << "one to ask whether it is there, one for the calls";
}

TEST_F(ClientTest, AFreshCallTellsWhetherTheEngineStillLetsAnybodyIn) {
  engine_.On("GET /info", [](auto& c, auto&) { c.Answer(200, "{}"); });
  const auto client = NewClient(engine_.address());
  ASSERT_TRUE(Get(*client, "/info").ok());
  engine_.Leave();
  EXPECT_TRUE(Get(*client, "/info").ok()) << "the connection that is kept is still served";
  Request fresh = Request::Get("/info");
  fresh.fresh = true;
  const Reply reply = Send(*client, std::move(fresh));
  EXPECT_EQ(reply.failure, Failure::kUnreachable) << reply.status;
  EXPECT_TRUE(reply.engine_down());
}

TEST_F(ClientTest, NeverSpeaksAVersionItDoesNotKnow) {
  engine_.SetApi("1.99");
  engine_.On("GET /info", [](auto& c, auto&) { c.Answer(200, "{}"); });
  const auto client = NewClient(engine_.address());
  EXPECT_TRUE(Get(*client, "/info").ok());
  EXPECT_THAT(engine_.Asked(), ElementsAre("GET /_ping", "GET /v1.52/info"));
}

TEST_F(ClientTest, RefusesAnEngineThatIsTooOld) {
  engine_.SetApi("1.40");
  const auto client = NewClient(engine_.address());
  const Reply reply = Get(*client, "/info");
  EXPECT_EQ(reply.failure, Failure::kBadVersion);
  EXPECT_EQ(reply.status.code(), Code::kFailedPrecondition);
  EXPECT_FALSE(reply.engine_down());
  EXPECT_THAT(reply.status.message(),
              AllOf(StartsWith("engine " + engine_.address() + ": GET /info: "), HasSubstr("1.40"),
                    HasSubstr("1.41"), HasSubstr("newer Docker Engine")));
}

TEST_F(ClientTest, SaysSoWhenTheAddressIsNotADockerEngines) {
  engine_.On("GET /_ping", [](auto& c, auto&) { c.Answer(200, "hello"); });
  const auto client = NewClient(engine_.address());
  const Reply reply = Get(*client, "/info");
  EXPECT_EQ(reply.failure, Failure::kGarbage);
  EXPECT_THAT(reply.status.message(), HasSubstr("is the address a Docker Engine's"));
}

TEST_F(ClientTest, TakesTheVersionFromAnEngineInTroubleToo) {
  engine_.On("GET /_ping", [](auto& c, auto&) { c.Answer(500, "sick", "Api-Version: 1.43\r\n"); });
  engine_.On("GET /info", [](auto& c, auto&) { c.Answer(200, "{}"); });
  const auto client = NewClient(engine_.address());
  EXPECT_TRUE(Get(*client, "/info").ok());
  EXPECT_EQ(client->version(), (ApiVersion{1, 43}));
}

TEST_F(ClientTest, AsksAgainWhenAnOlderEngineTookTheOthersPlace) {
  engine_.SetApi("1.47");
  engine_.On("GET /info", [](auto& c, const FakeRequest& request) {
    if (request.target.starts_with("/v1.47")) {
      c.Answer(
          400,
          R"({"message":"client version 1.47 is too new. Maximum supported API version is 1.41"})",
          "Api-Version: 1.41\r\n");
    } else {
      c.Answer(200, "{}");
    }
  });
  const auto client = NewClient(engine_.address());
  Awaited<ApiVersion> version;
  const CallHandle ping =
      client->Negotiate([set = version.Setter()](Reply, ApiVersion v) mutable { set(v); });
  EXPECT_EQ(version.Get(), (ApiVersion{1, 47}));
  engine_.SetApi("1.41");
  const Reply reply = Get(*client, "/info");
  EXPECT_TRUE(reply.ok()) << reply.status;
  EXPECT_EQ(client->version(), (ApiVersion{1, 41}));
}

TEST_F(ClientTest, SaysSoWhenTheEngineRefusesEveryVersion) {
  engine_.On("GET /info", [](auto& c, auto&) {
    c.Answer(400,
             "client version 1.41 is too old. Minimum supported API version is 1.60, "
             "please upgrade your client to a newer version\n");
  });
  const auto client = NewClient(engine_.address());
  const Reply reply = Get(*client, "/info");
  EXPECT_EQ(reply.failure, Failure::kBadVersion);
  EXPECT_THAT(reply.status.message(), HasSubstr("Minimum supported API version is 1.60"));
}

TEST_F(ClientTest, NegotiatesAgainAfterARestart) {
  engine_.On("GET /info", [](auto& c, auto&) { c.Answer(200, "{}"); });
  const auto client = NewClient(engine_.address());
  EXPECT_TRUE(Get(*client, "/info").ok());
  engine_.Stop();
  const Reply down = Get(*client, "/info");
  EXPECT_EQ(down.failure, Failure::kUnreachable) << down.status;
  EXPECT_TRUE(down.engine_down());
  EXPECT_THAT(down.status.message(), HasSubstr("is the engine running?"));
  engine_.SetApi("1.45");
  engine_.Start();
  EXPECT_TRUE(Get(*client, "/info").ok());
  EXPECT_EQ(client->version(), (ApiVersion{1, 45}));
}

TEST_F(ClientTest, SendsMethodQueryHeadersAndBody) {
  FakeRequest seen;
  const auto keep = [&](auto& c, const FakeRequest& request) {
    seen = request;
    c.Answer(201, R"({"Id":"x"})");
  };
  engine_.On("POST /containers/create", keep);
  engine_.On("POST /containers/web/start", keep);
  engine_.On("PUT /containers/web/archive", keep);
  const auto client = NewClient(engine_.address());

  ASSERT_TRUE(
      Send(*client,
           Request::PostJson("/containers/create", {{"Image", "busybox"}}).Query("name", "web.1 é"))
          .ok());
  EXPECT_EQ(seen.target, "/v1.41/containers/create?name=web.1%20%C3%A9");
  EXPECT_EQ(seen.headers["content-type"], "application/json");
  EXPECT_EQ(seen.headers["host"], "docker");
  EXPECT_EQ(seen.body, R"({"Image":"busybox"})");

  ASSERT_TRUE(Send(*client, Request::Post("/containers/web/start")
                                .Header("X-Registry-Auth", "")
                                .Query("a", "1")
                                .Query("b", ""))
                  .ok());
  EXPECT_EQ(seen.target, "/v1.41/containers/web/start?a=1&b=");
  EXPECT_EQ(seen.headers["content-length"], "0");
  EXPECT_TRUE(seen.headers.contains("x-registry-auth"));
  EXPECT_FALSE(seen.headers.contains("content-type"));
  EXPECT_FALSE(seen.headers.contains("expect"));

  Request put = Request::Put("/containers/web/archive");
  put.body = std::string("tar\0bytes", 9) + std::string(3 << 20, 'x');
  put.content_type = "application/x-tar";
  const std::string sent = put.body;
  ASSERT_TRUE(Send(*client, std::move(put)).ok());
  EXPECT_EQ(seen.body, sent);
  EXPECT_EQ(seen.headers["content-type"], "application/x-tar");
  EXPECT_FALSE(seen.headers.contains("expect"));
}

TEST_F(ClientTest, NotModifiedIsASuccess) {
  engine_.On("POST /containers/web/start",
             [](auto& c, auto&) { c.Write("HTTP/1.1 304 Not Modified\r\n\r\n"); });
  const auto client = NewClient(engine_.address());
  const Reply reply = Send(*client, Request::Post("/containers/web/start"));
  EXPECT_TRUE(reply.ok()) << reply.status;
  EXPECT_TRUE(reply.not_modified());
}

TEST_F(ClientTest, TellsTheKindsOfRefusalApart) {
  struct Case {
    int http_status;
    Failure failure;
    Code code;
  };
  const Case kCases[] = {{400, Failure::kBadRequest, Code::kInvalidArgument},
                         {401, Failure::kUnauthorized, Code::kUnauthenticated},
                         {403, Failure::kForbidden, Code::kPermissionDenied},
                         {404, Failure::kNotFound, Code::kNotFound},
                         {406, Failure::kBadRequest, Code::kInvalidArgument},
                         {409, Failure::kConflict, Code::kFailedPrecondition},
                         {500, Failure::kServerError, Code::kInternal},
                         {501, Failure::kNotImplemented, Code::kUnimplemented},
                         {503, Failure::kServerError, Code::kInternal}};
  const auto client = NewClient(engine_.address());
  for (const Case& one : kCases) {
    engine_.On("POST /x", [&](auto& c, auto&) {
      c.Answer(one.http_status, R"({"message":"No such thing: web"})");
    });
    const Reply reply = Send(*client, Request::Post("/x"));
    EXPECT_EQ(reply.failure, one.failure) << one.http_status;
    EXPECT_EQ(reply.status.code(), one.code) << one.http_status;
    EXPECT_EQ(reply.http_status, one.http_status);
    EXPECT_EQ(reply.engine_message, "No such thing: web");
    EXPECT_FALSE(reply.engine_down());
    EXPECT_EQ(reply.status.message(),
              "engine " + engine_.address() + ": POST /x: No such thing: web");
  }
}

TEST_F(ClientTest, AnEngineThatIsStoppingCountsAsDown) {
  const auto client = NewClient(engine_.address());
  for (const char* message : {"transport is closing: unavailable", "context canceled",
                              "dial unix /run/containerd/containerd.sock: connect: no such file"}) {
    engine_.On("GET /x", [&](auto& c, auto&) {
      c.Answer(500, std::string(R"({"message":")") + message + "\"}");
    });
    const Reply reply = Get(*client, "/x");
    EXPECT_TRUE(reply.engine_down()) << message;
    EXPECT_EQ(reply.status.code(), Code::kUnavailable);
  }
}

TEST_F(ClientTest, ShowsWhateverTheEngineSaysInAnError) {
  const auto client = NewClient(engine_.address());
  engine_.On("GET /plain", [](auto& c, auto&) { c.Answer(500, " some text\n"); });
  EXPECT_EQ(Get(*client, "/plain").engine_message, "some text");
  engine_.On("GET /none", [](auto& c, auto&) { c.Answer(500, ""); });
  EXPECT_EQ(Get(*client, "/none").engine_message, "HTTP status 500");
  engine_.On("GET /json", [](auto& c, auto&) { c.Answer(500, R"({"message":5})"); });
  EXPECT_EQ(Get(*client, "/json").engine_message, R"({"message":5})");
  engine_.On("GET /endless", [](auto& c, auto&) { c.Answer(500, std::string(3 << 20, 'x')); });
  EXPECT_EQ(Get(*client, "/endless").engine_message, "HTTP status 500");
}

TEST_F(ClientTest, TakesAnswersOfEveryFraming) {
  const auto client = NewClient(engine_.address());
  engine_.On("GET /chunked", [](auto& c, auto&) {
    c.BeginChunked();
    for (const char* part : {"{\"a\"", ":", "1}"}) c.Chunk(part);
    c.EndChunked();
  });
  engine_.On("GET /close", [](auto& c, auto&) {
    c.Write("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"a\":1}");
    c.CloseAfter();
  });
  engine_.On("GET /length", [](auto& c, auto&) { c.Answer(200, "{\"a\":1}"); });
  engine_.On("GET /continue", [](auto& c, auto&) {
    c.Write("HTTP/1.1 100 Continue\r\n\r\n");
    c.Answer(200, "{\"a\":1}");
  });
  for (const char* path : {"/chunked", "/close", "/length", "/continue"}) {
    const Reply reply = Get(*client, path);
    ASSERT_TRUE(reply.ok()) << path << reply.status;
    EXPECT_EQ(reply.body, "{\"a\":1}") << path;
  }
}

TEST_F(ClientTest, AHalfAnswerIsALostConnection) {
  const auto client = NewClient(engine_.address());
  const std::pair<const char*, const char*> kHalves[] = {
      {"/nothing", ""},
      {"/line", "HTTP/1.1 200"},
      {"/head", "HTTP/1.1 200 OK\r\nContent-Le"},
      {"/length", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{\"a\""},
      {"/chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"},
      {"/chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"}};
  for (const auto& [path, bytes] : kHalves) {
    engine_.On(std::string("POST ") + path, [bytes = std::string(bytes)](auto& c, auto&) {
      c.Write(bytes);
      c.CloseAfter();
    });
    const Reply reply = Send(*client, Request::Post(path));
    EXPECT_EQ(reply.failure, Failure::kConnectionLost) << path << " " << reply.status;
    EXPECT_TRUE(reply.engine_down()) << path;
    EXPECT_THAT(reply.status.message(), HasSubstr(path));
  }
}

TEST_F(ClientTest, GarbageIsNamedAsSuch) {
  const auto client = NewClient(engine_.address());
  const std::pair<const char*, const char*> kGarbage[] = {
      {"/words", "hello, this is not a web server\r\n\r\n"},
      {"/binary", "\x15\x03\x01\x02\x02\x16\x00\x00\x00"},
      {"/length", "HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\nabc"},
      {"/chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n"}};
  for (const auto& [path, bytes] : kGarbage) {
    engine_.On(std::string("POST ") + path, [bytes = std::string(bytes)](auto& c, auto&) {
      c.Write(bytes);
      c.CloseAfter();
    });
    const Reply reply = Send(*client, Request::Post(path));
    EXPECT_EQ(reply.failure, Failure::kGarbage) << path << " " << reply.status;
    EXPECT_EQ(reply.status.code(), Code::kDataLoss);
    EXPECT_FALSE(reply.engine_down());
  }
  engine_.On("GET /json", [](auto& c, auto&) { c.Answer(200, "<html>"); });
  EXPECT_EQ(Get(*client, "/json").Json().status().code(), Code::kDataLoss);
}

TEST_F(ClientTest, AnAnswerOverTheLimitEndsTheCall) {
  const auto client = NewClient(engine_.address());
  engine_.On("GET /large", [](auto& c, auto&) { c.Answer(200, std::string(1 << 20, 'x')); });
  Request request = Request::Get("/large");
  request.limit = (1 << 20) - 1;
  const Reply reply = Send(*client, std::move(request));
  EXPECT_EQ(reply.failure, Failure::kTooLarge) << reply.status;
  EXPECT_EQ(reply.status.code(), Code::kResourceExhausted);
  Request enough = Request::Get("/large");
  enough.limit = 1 << 20;
  EXPECT_TRUE(Send(*client, std::move(enough)).ok());
}

TEST_F(ClientTest, AHungEngineTimesOutAndTheNextCallWorks) {
  std::atomic<bool> hang = true;
  engine_.On("GET /info", [&](auto& c, auto&) {
    if (hang) return c.WaitForClose();
    c.Answer(200, "{}");
  });
  const auto client = NewClient(engine_.address());
  const Reply reply = Send(*client, Request::Get("/info").Within(milliseconds(50)));
  EXPECT_EQ(reply.failure, Failure::kTimedOut);
  EXPECT_EQ(reply.status.code(), Code::kDeadlineExceeded);
  EXPECT_TRUE(reply.engine_down());
  EXPECT_THAT(reply.status.message(), HasSubstr("no answer within 50ms"));
  hang = false;
  EXPECT_TRUE(Get(*client, "/info").ok());
}

TEST_F(ClientTest, AnEngineThatHangsInThePingTimesTheCallOut) {
  engine_.On("GET /_ping", [](auto& c, auto&) { c.WaitForClose(); });
  const auto client = NewClient(engine_.address());
  const Reply reply = Send(*client, Request::Get("/info").Within(milliseconds(50)));
  EXPECT_EQ(reply.failure, Failure::kTimedOut);
  EXPECT_THAT(reply.status.message(), HasSubstr("GET /info"));
}

TEST_F(ClientTest, AKeptConnectionThatTheEngineClosedIsNoFailure) {
  engine_.On("GET /info", [](auto& c, auto&) {
    c.Answer(200, "{}");
    c.CloseAfter();  // without a word in the answer
  });
  const auto client = NewClient(engine_.address());
  for (int i = 0; i < 20; ++i) {
    const Reply reply = Get(*client, "/info");
    ASSERT_TRUE(reply.ok()) << reply.status;
  }
}

TEST_F(ClientTest, TcpWorksTheSameAndIgnoresProxies) {
  setenv("http_proxy", "http://127.0.0.1:1", 1);
  FakeEngine tcp(FakeEngine::Kind::kTcp);
  tcp.On("GET /info", [](auto& c, auto&) { c.Answer(200, "{}"); });
  const auto client = NewClient(tcp.address());
  EXPECT_TRUE(Get(*client, "/info").ok());
  tcp.Stop();
  const Reply down = Get(*client, "/info");
  EXPECT_EQ(down.failure, Failure::kUnreachable) << down.status;
  EXPECT_THAT(down.status.message(), HasSubstr("connection refused"));
  unsetenv("http_proxy");
}

TEST_F(ClientTest, ASocketThatDoesNotExistIsUnreachable) {
  const auto client = NewClient("unix:///nowhere/docker.sock");
  const Reply reply = Get(*client, "/info");
  EXPECT_EQ(reply.failure, Failure::kUnreachable);
  EXPECT_EQ(reply.status.message(),
            "engine unix:///nowhere/docker.sock: GET /info: there is no such socket; is the "
            "engine running?");
}

TEST_F(ClientTest, NegotiateSaysWhetherTheEngineIsThere) {
  const auto client = NewClient(engine_.address());
  Awaited<Reply> up;
  const CallHandle first =
      client->Negotiate([set = up.Setter()](Reply r, ApiVersion) mutable { set(std::move(r)); });
  EXPECT_TRUE(up.Get().ok());
  engine_.Stop();
  Awaited<Reply> down;
  const CallHandle second =
      client->Negotiate([set = down.Setter()](Reply r, ApiVersion) mutable { set(std::move(r)); });
  EXPECT_TRUE(down.Get().engine_down());
}

TEST_F(ClientTest, RefusesOptionsThatDoNotFit) {
  const auto refused = [&](const std::string& address, TlsFiles tls) {
    ClientOptions options;
    options.address = ParseAddress(address).value();
    options.tls = std::move(tls);
    return reactor_->NewClient(std::move(options)).status().message();
  };
  EXPECT_THAT(refused("unix:///x", {}), HasSubstr("unix socket needs none"));
  EXPECT_THAT(refused("tcp://h:1", {.ca = "", .cert = "/c", .key = "", .server_name = ""}),
              HasSubstr("give both"));
  EXPECT_THAT(
      refused("tcp://h:1", {.ca = "/nowhere/ca.pem", .cert = "", .key = "", .server_name = ""}),
      AllOf(HasSubstr("tcp://h:1"), HasSubstr("/nowhere/ca.pem"), HasSubstr("No such file")));
  EXPECT_EQ(reactor_->NewClient({}).status().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace swarm::engine::test
