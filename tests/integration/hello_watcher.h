// Passes connections on, and notes what each client's TLS hello offers.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace swarm::test {

class HelloWatcher {
 public:
  // Listens on any port of `host` (IPv4) and connects to `target` ("host:port").
  HelloWatcher(const std::string& host, const std::string& target);
  ~HelloWatcher();

  // "host:port".
  const std::string& address() const { return address_; }
  // Of each connection so far, in order: whether its hello offered ALPN.
  std::vector<bool> alpn_offered() const;

 private:
  void Accept();
  void Pass(int client);

  std::string address_;
  std::string target_;
  int listener_ = -1;
  std::atomic<bool> stopping_ = false;
  mutable std::mutex mutex_;
  std::vector<bool> offered_;         // guarded by mutex_
  std::vector<std::thread> passing_;  // of the accepting thread, then of the destructor
  std::thread accepting_;
};

// Whether a ClientHello, record header included, has the ALPN extension.
bool OffersAlpn(const std::string& hello);

}  // namespace swarm::test
