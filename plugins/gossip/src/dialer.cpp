#include "dialer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "frame.h"

namespace swarm::gossip {
namespace {

// So that a large cluster does not use up this process's descriptors.
constexpr std::size_t kAtOnce = 64;

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() { Close(); }
  void Close() {
    if (fd_ >= 0) close(std::exchange(fd_, -1));
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

Status Failure(const std::string& what, int error) {
  return {Code::kUnavailable, what + ": " + std::strerror(error)};
}

// One exchange: connect, send, read one frame.
class Exchange {
 public:
  Exchange(Question question, const DialerOptions& options, const Clock& clock)
      : question_(std::move(question)), options_(options), clock_(clock) {
    Open();
  }

  bool over() const { return over_; }
  int fd() const { return socket_.get(); }
  short events() const { return sent_ < question_.frame.size() ? POLLOUT : POLLIN; }
  SteadyTime deadline() const {
    return begun_ + (connected_ ? options_.timeout : options_.connect_timeout);
  }
  Answer TakeAnswer() {
    if (!over_) status_ = {Code::kCancelled, "stopped"};
    if (!status_.ok()) return {question_.address, status_};
    return {question_.address, std::move(read_)};
  }

  void OnReady() {
    if (!connected_) FinishConnecting();
    if (!over_ && sent_ < question_.frame.size()) {
      Send();
    } else if (!over_) {
      Read();
    }
  }
  void OnTime(SteadyTime now) {
    if (over_ || now < deadline()) return;
    End({Code::kDeadlineExceeded,
         connected_ ? "it does not answer" : "it cannot be reached: timeout"});
  }

 private:
  void Open() {
    begun_ = clock_.SteadyNow();
    sockaddr_storage target{};
    socklen_t size = 0;
    auto* four = reinterpret_cast<sockaddr_in*>(&target);
    auto* six = reinterpret_cast<sockaddr_in6*>(&target);
    if (inet_pton(AF_INET, question_.address.c_str(), &four->sin_addr) == 1) {
      four->sin_family = AF_INET;
      four->sin_port = htons(options_.port);
      size = sizeof *four;
    } else if (inet_pton(AF_INET6, question_.address.c_str(), &six->sin6_addr) == 1) {
      six->sin6_family = AF_INET6;
      six->sin6_port = htons(options_.port);
      size = sizeof *six;
    } else {
      return End({Code::kInvalidArgument, "not an address: " + question_.address});
    }
    socket_ = Descriptor(
        socket(target.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
    if (socket_.get() < 0) return End(Failure("no socket", errno));
    if (connect(socket_.get(), reinterpret_cast<sockaddr*>(&target), size) != 0 &&
        errno != EINPROGRESS) {
      End(Failure("it cannot be reached", errno));
    }
  }

  void FinishConnecting() {
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    if (error != 0) return End(Failure("it cannot be reached", error));
    connected_ = true;
  }

  void Send() {
    const ssize_t count = send(socket_.get(), question_.frame.data() + sent_,
                               question_.frame.size() - sent_, MSG_NOSIGNAL);
    if (count > 0) {
      sent_ += static_cast<std::size_t>(count);
    } else if (errno != EAGAIN && errno != EINTR) {
      End(Failure("it closed the connection", errno));
    }
  }

  void Read() {
    std::array<char, 64 << 10> buffer;
    const ssize_t count = recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count < 0) return End(Failure("it closed the connection", errno));
    if (count == 0) return End({Code::kUnavailable, "it closed the connection without an answer"});
    read_.append(buffer.data(), static_cast<std::size_t>(count));
    const auto size = FrameSize(read_);
    if (!size.ok()) return End(size.status());
    if (!*size || read_.size() < **size) return;
    if (read_.size() > **size) return End({Code::kInvalidArgument, "it says more than one thing"});
    End(Status::Ok());
  }

  void End(Status status) {
    over_ = true;
    status_ = std::move(status);
    socket_.Close();
  }

  Question question_;
  const DialerOptions& options_;
  const Clock& clock_;
  Descriptor socket_;
  SteadyTime begun_;
  bool connected_ = false;
  bool over_ = false;
  std::size_t sent_ = 0;
  std::string read_;
  Status status_;
};

class SocketDialer final : public Dialer {
 public:
  SocketDialer(Runtime& runtime, DialerOptions options)
      : clock_(runtime.clock()),
        options_(options),
        stop_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        loop_(runtime.NewLoop("gossip-io", LoopKind::kBlocking)) {}
  ~SocketDialer() override {
    const std::uint64_t one = 1;
    // A descriptor that counts cannot be full after one write.
    (void)!write(stop_.get(), &one, sizeof one);
    loop_->Stop();
  }

  void Ask(std::vector<Question> questions,
           Function<void(std::vector<Answer>)> done) noexcept override {
    loop_->Post([this, questions = std::move(questions), done = std::move(done)]() mutable {
      std::vector<Answer> answers;
      bool stopped = false;
      for (std::size_t i = 0; i < questions.size() && !stopped; i += kAtOnce) {
        const std::size_t end = std::min(questions.size(), i + kAtOnce);
        stopped = AskSome({std::make_move_iterator(questions.begin() + static_cast<long>(i)),
                           std::make_move_iterator(questions.begin() + static_cast<long>(end))},
                          &answers);
      }
      if (!stopped) done(std::move(answers));
    });
  }

 private:
  // Whether it was stopped.
  bool AskSome(std::vector<Question> questions, std::vector<Answer>* answers) {
    std::vector<Exchange> exchanges;
    exchanges.reserve(questions.size());
    for (Question& question : questions) {
      exchanges.emplace_back(std::move(question), options_, clock_);
    }
    bool stopped = false;
    while (!stopped && std::any_of(exchanges.begin(), exchanges.end(),
                                   [](const Exchange& e) { return !e.over(); })) {
      stopped = Wait(&exchanges);
    }
    for (Exchange& exchange : exchanges) answers->push_back(exchange.TakeAnswer());
    return stopped;
  }

  bool Wait(std::vector<Exchange>* exchanges) {
    std::vector<pollfd> polled{{stop_.get(), POLLIN, 0}};
    std::vector<Exchange*> open;
    SteadyTime wake = SteadyTime::max();
    for (Exchange& exchange : *exchanges) {
      if (exchange.over()) continue;
      polled.push_back({exchange.fd(), exchange.events(), 0});
      open.push_back(&exchange);
      wake = std::min(wake, exchange.deadline());
    }
    const auto rest = std::chrono::ceil<std::chrono::milliseconds>(wake - clock_.SteadyNow());
    const auto milliseconds = std::max<std::int64_t>(0, rest.count());
    if (poll(polled.data(), polled.size(), static_cast<int>(milliseconds)) < 0 && errno != EINTR) {
      return true;
    }
    const SteadyTime now = clock_.SteadyNow();
    for (std::size_t i = 0; i < open.size(); ++i) {
      if (polled[i + 1].revents != 0) open[i]->OnReady();
      open[i]->OnTime(now);
    }
    return polled[0].revents != 0;
  }

  const Clock& clock_;
  const DialerOptions options_;
  const Descriptor stop_;
  const std::unique_ptr<Loop> loop_;
};

}  // namespace

std::unique_ptr<Dialer> MakeSocketDialer(Runtime& runtime, DialerOptions options) {
  return std::make_unique<SocketDialer>(runtime, options);
}

}  // namespace swarm::gossip
