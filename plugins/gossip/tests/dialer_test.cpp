// Real sockets on this machine.
#include "dialer.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include "frame.h"
#include "runtime/production.h"

namespace swarm::gossip {
namespace {

using namespace std::chrono_literals;

const std::string kKey(16, 'k');

// Listens on 127.0.0.1; says the same to everybody, or nothing at all.
class Server {
 public:
  // No answer: connections stay open until the end.
  explicit Server(std::string answer) : answer_(std::move(answer)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(listener_, 128), 0);
    socklen_t size = sizeof address;
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~Server() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
    for (const int fd : open_) close(fd);
  }
  std::uint16_t port() const { return port_; }

 private:
  void Serve() {
    for (int fd = 0; (fd = accept(listener_, nullptr, nullptr)) >= 0;) {
      char byte = 0;
      if (answer_.empty() || recv(fd, &byte, 1, 0) != 1) {
        open_.push_back(fd);
        continue;
      }
      EXPECT_EQ(byte, '\x0a');
      // In two parts, as a network may deliver it.
      const std::size_t half = answer_.size() / 2;
      (void)send(fd, answer_.data(), half, MSG_NOSIGNAL);
      (void)send(fd, answer_.data() + half, answer_.size() - half, MSG_NOSIGNAL);
      shutdown(fd, SHUT_WR);
      open_.push_back(fd);
    }
  }
  const std::string answer_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::thread thread_;
  std::vector<int> open_;
};

class DialerTest : public testing::Test {
 protected:
  std::vector<Answer> Ask(std::uint16_t port, std::vector<std::string> addresses,
                          Duration timeout = 30s) {
    const auto dialer = MakeSocketDialer(*runtime_, {port, 30s, timeout});
    std::vector<Question> questions;
    for (auto& address : addresses) questions.push_back({address, *Seal("hello", kKey, Nonce{})});
    std::promise<std::vector<Answer>> promise;
    dialer->Ask(std::move(questions),
                [&promise](std::vector<Answer> answers) { promise.set_value(std::move(answers)); });
    return promise.get_future().get();
  }
  std::unique_ptr<Runtime> runtime_ = MakeRuntime({});
};

TEST_F(DialerTest, EachIsAskedAndAnswers) {
  Server server(*Seal(std::string(100'000, 'x'), kKey, Nonce{}));
  const auto answers = Ask(server.port(), std::vector<std::string>(100, "127.0.0.1"));
  ASSERT_EQ(answers.size(), 100u);
  for (const auto& answer : answers) {
    ASSERT_TRUE(answer.frame.ok()) << answer.frame.status();
    EXPECT_EQ(OpenFrame(*answer.frame, {kKey})->size(), 100'000u);
  }
}

TEST_F(DialerTest, WhoDoesNotAnswerIsGivenUp) {
  Server silent("");
  EXPECT_EQ(Ask(silent.port(), {"127.0.0.1"}, 300ms)[0].frame.status().message(),
            "it does not answer");
  Server plain("\x06 not encrypted");
  EXPECT_EQ(Ask(plain.port(), {"127.0.0.1"})[0].frame.status().message(),
            "its answer is not encrypted");
  Server brief(Seal("hello", kKey, Nonce{})->substr(0, 20));
  EXPECT_EQ(Ask(brief.port(), {"127.0.0.1"})[0].frame.status().message(),
            "it closed the connection without an answer");
}

TEST_F(DialerTest, WhoIsNotThereIsTold) {
  std::uint16_t port = 0;
  { port = Server("").port(); }
  const auto answers = Ask(port, {"127.0.0.1", "nowhere"});
  EXPECT_EQ(answers[0].frame.status().message(), "it cannot be reached: Connection refused");
  EXPECT_EQ(answers[1].frame.status().message(), "not an address: nowhere");
}

TEST_F(DialerTest, ItStopsAtOnceAndTellsNobody) {
  Server silent("");
  std::atomic<bool> told = false;
  auto dialer = MakeSocketDialer(*runtime_, {silent.port(), 1h, 1h});
  dialer->Ask({{"127.0.0.1", *Seal("hello", kKey, Nonce{})}},
              [&told](std::vector<Answer>) { told = true; });
  dialer.reset();
  EXPECT_FALSE(told);
}

}  // namespace
}  // namespace swarm::gossip
