// Many agents on real TLS connections to one manager: what each costs, and that it bears their
// coming back all at once. 200 of them; 2,000 with SWARM_SOAK, whose figures count.
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <sstream>

#include "joined.h"
#include "minted.h"
#include "rpc/network.h"
#include "swarmkit/v1/ca.pb.h"
#include "swarmkit/v1/dispatcher.pb.h"

namespace swarm::test {
namespace {

namespace pb = ::docker::swarmkit::v1;

// The dispatcher's side of an agent and nothing else: a session, its assignments, heartbeats.
class Puppet : public std::enable_shared_from_this<Puppet> {
 public:
  Puppet(std::string id, std::shared_ptr<const Credentials> credentials)
      : id_(std::move(id)), credentials_(std::move(credentials)) {}

  void Connect(Network& network, const std::string& address) {
    DialOptions options;
    options.server_name = "swarm-manager";
    options.credentials = credentials_;
    const std::lock_guard lock(mutex_);
    channel_ = network.Dial(address, std::move(options)).value();
    CallOptions patient;
    patient.wait_for_ready = true;
    session_ = channel_->Open("/docker.swarmkit.v1.Dispatcher/Session", std::move(patient));
    pb::SessionRequest request;
    request.mutable_description()->set_hostname(id_);
    session_->Send(Payload::Of(std::move(request)), [](bool) {});
    session_->CloseSend();
    session_->Read([weak = weak_from_this()](Result<std::optional<Payload>> message) {
      if (const auto self = weak.lock()) self->OnSession(std::move(message));
    });
  }
  void Disconnect() {
    std::shared_ptr<ClientStream> session, assignments;
    std::shared_ptr<Channel> channel;
    {
      const std::lock_guard lock(mutex_);
      session.swap(session_);
      assignments.swap(assignments_);
      channel.swap(channel_);
    }
    registered_ = false;
  }
  void Beat() {
    const std::lock_guard lock(mutex_);
    if (!channel_ || !registered_) return;
    pb::HeartbeatRequest beat;
    beat.set_session_id(session_id_);
    CallOptions options;
    options.timeout = std::chrono::seconds(20);
    CallUnary<pb::HeartbeatResponse>(*channel_, "/docker.swarmkit.v1.Dispatcher/Heartbeat",
                                     std::move(options), std::move(beat), [](const auto&) {});
  }
  bool registered() const { return registered_; }
  int tasks() const { return tasks_; }
  std::string error() {
    const std::lock_guard lock(mutex_);
    return error_;
  }

 private:
  void OnSession(Result<std::optional<Payload>> message) {
    const std::lock_guard lock(mutex_);
    if (!message.ok() || !*message) {
      error_ = message.ok() ? "the session ended" : message.status().ToString();
      registered_ = false;
      return;
    }
    if (!session_) return;
    if (!registered_) {
      session_id_ = (*message)->As<pb::SessionMessage>().value()->session_id();
      OpenAssignments();
      registered_ = true;
    }
    session_->Read([weak = weak_from_this()](Result<std::optional<Payload>> next) {
      if (const auto self = weak.lock()) self->OnSession(std::move(next));
    });
  }
  void OpenAssignments() {
    assignments_ = channel_->Open("/docker.swarmkit.v1.Dispatcher/Assignments", {});
    pb::AssignmentsRequest request;
    request.set_session_id(session_id_);
    assignments_->Send(Payload::Of(std::move(request)), [](bool) {});
    assignments_->CloseSend();
    ReadAssignments();
  }
  void ReadAssignments() {
    assignments_->Read([weak = weak_from_this()](Result<std::optional<Payload>> message) {
      const auto self = weak.lock();
      if (!self || !message.ok() || !*message) return;
      const auto assigned = (*message)->As<pb::AssignmentsMessage>().value();
      for (const auto& change : assigned->changes()) {
        self->tasks_ += change.assignment().has_task();
      }
      const std::lock_guard lock(self->mutex_);
      if (self->assignments_) self->ReadAssignments();
    });
  }

  const std::string id_;
  const std::shared_ptr<const Credentials> credentials_;
  std::mutex mutex_;
  std::shared_ptr<Channel> channel_;
  std::shared_ptr<ClientStream> session_;
  std::shared_ptr<ClientStream> assignments_;
  std::string session_id_;
  std::string error_;
  std::atomic<bool> registered_ = false;
  std::atomic<int> tasks_ = 0;
};

// Of /proc/PID/status, in KiB.
long MemoryOf(pid_t pid) {
  std::istringstream lines(ReadText("/proc/" + std::to_string(pid) + "/status"));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("VmRSS:")) return std::stol(line.substr(6));
  }
  return 0;
}

// Processor time used so far, in seconds.
double ProcessorOf(pid_t pid) {
  const std::string text = ReadText("/proc/" + std::to_string(pid) + "/stat");
  std::istringstream words(text.substr(text.rfind(')') + 2));
  std::vector<std::string> fields;
  for (std::string word; words >> word;) fields.push_back(word);
  return static_cast<double>(std::stol(fields[11]) + std::stol(fields[12])) /
         static_cast<double>(sysconf(_SC_CLK_TCK));
}

double Seconds(std::chrono::steady_clock::time_point since) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - since).count();
}

class AgentsScaleTest : public ::testing::Test {
 protected:
  AgentsScaleTest() {
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }

  Manager& manager() { return minted_.manager(); }

  // Nodes of the cluster, as many as wanted, let in with the join token.
  void Enrol() {
    const std::string token = JoinToken(manager(), "worker");
    DialOptions options;
    const auto channel = network_->Dial(minted_.address(), std::move(options)).value();
    const std::string csr = pki::MakeCsr(pki::PrivateKey::Generate().value()).value();
    for (int i = 0; i < count_; ++i) {
      pb::IssueNodeCertificateRequest request;
      request.set_csr(csr);
      request.set_token(token);
      const auto reply = Ask<pb::IssueNodeCertificateResponse>(
          *channel, "NodeCA/IssueNodeCertificate", std::move(request));
      ASSERT_TRUE(reply.ok()) << reply.status();
      const std::string& id = (*reply)->node_id();
      puppets_.push_back(std::make_shared<Puppet>(id, minted_.Mint(id, "swarm-worker")));
    }
  }
  void ConnectAll() {
    for (const auto& puppet : puppets_) puppet->Connect(*network_, minted_.address());
  }
  bool All(const std::function<bool(const Puppet&)>& condition) {
    auto beaten = std::chrono::steady_clock::now();
    return Eventually(
        [&] {
          if (Seconds(beaten) > 4) {
            for (const auto& puppet : puppets_) puppet->Beat();
            beaten = std::chrono::steady_clock::now();
          }
          return std::all_of(puppets_.begin(), puppets_.end(),
                             [&](const auto& puppet) { return condition(*puppet); });
        },
        300s);
  }
  bool AllRegistered() {
    const bool all = All([](const Puppet& puppet) { return puppet.registered(); });
    for (const auto& puppet : puppets_) {
      if (puppet->registered()) continue;
      std::cerr << "one is not registered: " << puppet->error() << "\n";
      break;
    }
    return all;
  }

  const bool soak_ = std::getenv("SWARM_SOAK") != nullptr;
  const int count_ = soak_ ? 2000 : 200;
  MintedManager minted_{"127.0.0.1:" + std::to_string(40000 + getpid() % 10000)};
  std::unique_ptr<Network> network_ = rpc::MakeNetwork({});
  std::vector<std::shared_ptr<Puppet>> puppets_;
};

TEST_F(AgentsScaleTest, ConnectedAgentsAreCheapAndComeBackTogether) {
  ASSERT_TRUE(manager().Start({"--executor", "process"})) << manager().log();
  const pid_t pid = manager().process().pid();
  ASSERT_NO_FATAL_FAILURE(Enrol());
  const long before = MemoryOf(pid);
  auto begin = std::chrono::steady_clock::now();
  ConnectAll();
  ASSERT_TRUE(AllRegistered()) << manager().log();
  const double connecting = Seconds(begin);
  const double each = static_cast<double>(MemoryOf(pid) - before) / count_;

  const double processor = ProcessorOf(pid);
  begin = std::chrono::steady_clock::now();
  All([&](const Puppet&) { return Seconds(begin) > 10; });
  const double idle = (ProcessorOf(pid) - processor) / Seconds(begin);

  begin = std::chrono::steady_clock::now();
  ASSERT_EQ(manager()
                .Ctl({"service", "create", "--name", "everywhere", "--mode", "global", "--image",
                      "none", "--constraint", "node.role==worker"})
                .code,
            0);
  ASSERT_TRUE(All([](const Puppet& puppet) { return puppet.tasks() > 0; })) << manager().log();
  const double delivering = Seconds(begin);

  for (const auto& puppet : puppets_) puppet->Disconnect();
  begin = std::chrono::steady_clock::now();
  ConnectAll();
  EXPECT_TRUE(AllRegistered()) << manager().log();
  const double again = Seconds(begin);

  std::cout << count_ << " agents: connected in " << connecting << " s, " << each
            << " KiB each, idle " << idle * 100 << " % of a processor, one task to each in "
            << delivering << " s, all back after a storm in " << again << " s\n";
  // With few agents the process's own growth weighs more.
  EXPECT_LT(each, soak_ ? 100 : 150);
  for (const auto& puppet : puppets_) puppet->Disconnect();
}

}  // namespace
}  // namespace swarm::test
