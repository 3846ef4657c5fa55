// Clients that create, change and read objects through several managers at once, and remember
// everything they asked and were told.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "support/history.h"
#include "swarm/network.h"
#include "swarmkit/v1/control.pb.h"

namespace swarm::test {

namespace pb = ::docker::swarmkit::v1;

// The objects are configs, which no part of the cluster but its clients changes. What is written is
// a label with a value of the write's own.
class ObjectLoad {
 public:
  struct Counts {
    std::uint64_t writes = 0;       // acknowledged
    std::uint64_t reads = 0;        // answered
    std::uint64_t refused = 0;      // because the version had changed
    std::uint64_t unanswered = 0;   // writes whose outcome nobody was told
    std::uint64_t turned_down = 0;  // writes that surely were not done
  };
  using Clock = std::chrono::steady_clock;

  // `sockets`: of the managers. Nobody calls until Start.
  ObjectLoad(Network& network, std::vector<std::string> sockets, std::uint64_t seed);
  ~ObjectLoad() { Stop(); }

  // So many clients at each manager, until Stop.
  void Start(int clients_each);
  void Stop();

  // One write of a new object through manager `at`; whether it was acknowledged.
  bool WriteOnce(int at, std::chrono::milliseconds patience);
  // All objects through manager `at`, as a client would; whether it answered.
  bool ReadAll(int at);

  // So many more writes are acknowledged, by whomever; false when `limit` passes before.
  bool AwaitWrites(std::uint64_t count, std::chrono::milliseconds limit);
  // The same for writes asked for and acknowledged from now on through each manager.
  bool AwaitEveryManager(std::chrono::milliseconds limit);
  // How long after `since` the first write that was asked for later was acknowledged; none when
  // that does not happen within `limit`.
  std::optional<std::chrono::duration<double>> FirstWriteAfter(Clock::time_point since,
                                                               std::chrono::milliseconds limit);

  Counts counts();
  std::size_t objects();
  // What is wrong with the answers; empty: nothing. Not while clients run.
  std::string Contradictions();

 private:
  struct Object {
    std::string id;  // empty: its creation was not answered, and nobody has seen it
    std::uint64_t version = 0;
    std::uint64_t version_before = 0;  // to be refused with
    std::vector<Operation> history;
  };
  class Client;

  std::string NewValue() { return "v" + std::to_string(++values_); }
  // [lock held]
  void Learn(Object& object, const pb::Config& config);
  void Acknowledged(int at, Clock::time_point asked);

  Network& network_;
  const std::vector<std::string> sockets_;
  std::atomic<std::uint64_t> values_{0};

  std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  bool stopping_ = false;
  std::mt19937_64 random_;
  std::map<std::string, Object> objects_;  // by name
  Counts counts_;
  struct Written {
    Clock::time_point asked;
    Clock::time_point answered;
  };
  std::vector<Written> written_;
  std::vector<Clock::time_point> last_asked_;  // by manager, of acknowledged writes

  std::vector<std::thread> threads_;
};

}  // namespace swarm::test
