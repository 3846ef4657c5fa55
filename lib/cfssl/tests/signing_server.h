// A certificate authority that signs over HTTPS, in the hands of a test: as CFSSL's own server
// does, or as told.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "pki/root_ca.h"

namespace swarm::cfssl::test {

class SigningServer {
 public:
  enum class Mood : unsigned char {
    kSigns,
    kRefuses,      // {"success": false}
    kFails,        // HTTP status 500
    kGarbage,      // no JSON
    kSilent,       // never answers
    kEndless,      // an answer without an end
    kAnotherName,  // signs, but for a node of another name
    kAnotherKey,   // signs, but for a key of its own
  };
  struct Options {
    // Whose certificate the server shows; null: the root it signs with.
    const pki::RootCa* server_root = nullptr;
    std::string server_name = "IP:127.0.0.1";  // subject alternative name, OpenSSL's notation
    bool signs_authorities = false;            // has the profile "CA"
    int port = 0;                              // 0: any
  };
  struct Request {
    nlohmann::json body;
    std::string client;  // common name of the caller's certificate; empty: none
    std::string content_type;
    std::string path;
  };

  SigningServer(pki::RootCa root, Options options);
  explicit SigningServer(pki::RootCa root) : SigningServer(std::move(root), Options()) {}
  ~SigningServer();

  std::string url() const { return "https://127.0.0.1:" + std::to_string(port_) + "/sign"; }
  int port() const { return port_; }
  void Be(Mood mood) { mood_ = mood; }
  std::vector<Request> requests() const;

 private:
  struct Tls;
  void Accept();
  void Serve(int fd);
  std::string Answer(const nlohmann::json& body);
  std::string SignFor(const nlohmann::json& body);

  const pki::RootCa root_;
  const Options options_;
  std::unique_ptr<Tls> tls_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<Mood> mood_ = Mood::kSigns;
  std::atomic<bool> stopping_ = false;
  mutable std::mutex mutex_;
  std::vector<Request> requests_;     // guarded by mutex_
  std::vector<std::thread> serving_;  // of the accepting thread, then of the destructor
  std::thread accepting_;
};

}  // namespace swarm::cfssl::test
