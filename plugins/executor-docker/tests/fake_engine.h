// An engine that is only a table of containers, behind the client's interface, on virtual time.
//
// What a container does is its first word: "forever", "exit CODE" (after a second), "stubborn"
// (does not heed the stop signal), "broken" (cannot be started).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "engine_client/client.h"
#include "swarm/runtime.h"

namespace swarm::executor_docker {

struct FakeContainer {
  std::string id;
  std::string name;
  nlohmann::json body;  // as it was created
  std::string state = "created";
  int pid = 0;
  int exit_code = 0;
  bool out_of_memory = false;
  std::string error;
  std::string health;  // empty: no check
  std::set<std::string> networks;
  std::string archive;
  std::unique_ptr<Timer> end;
};

class FakeEngine {
 public:
  explicit FakeEngine(Runtime& runtime);
  ~FakeEngine();
  // A client of its own for each user; the engine outlives it.
  std::unique_ptr<engine::Client> Connect();

  // --- what a test changes ---
  // Gone: refuses everything, and every stream is lost.
  void GoDown();
  // Back, as after a restart: without its memory of events. `killed`: its containers have ended.
  void ComeBack(bool killed = false);
  // Shutting down: its containers end, nobody new is let in, and who is in is answered.
  void Leave();
  // Does so in the middle of the next such call, which fails for that.
  void LeaveAt(std::string call) { leave_at_ = std::move(call); }
  // Takes calls and never answers.
  void Hang(bool hung) { hung_ = hung; }
  void Exit(FakeContainer& container, int code);
  void SetHealth(FakeContainer& container, const std::string& health);
  void Destroy(const std::string& id);
  // The next call whose "METHOD path" begins so is answered with this error.
  void FailNext(std::string call, int http_status, std::string message);
  // The next such call does its work, but the answer is lost.
  void LoseNext(std::string call) { lose_ = std::move(call); }
  // Events are not told until this is off again.
  void Mute(bool muted) { muted_ = muted; }

  // --- what a test looks at ---
  std::map<std::string, FakeContainer> containers;
  std::map<std::string, nlohmann::json> networks;  // by name
  std::vector<nlohmann::json> volumes;
  std::set<std::string> images;                 // present
  std::map<std::string, std::string> registry;  // image: "" or the error of a pull
  std::vector<std::string> auths;               // of pulls
  std::vector<std::string> calls;               // "METHOD path"
  Duration pull_time = std::chrono::seconds(1);
  engine::ApiVersion version{1, 41};
  nlohmann::json info;

  FakeContainer* OfTask(const std::string& task_id);
  int Count(const std::string& call) const;  // calls that begin so
  int event_streams() const;

 private:
  friend class FakeClient;
  struct Stream;
  struct Answer {
    int status = 200;
    std::string body;  // or the message of an error
    Duration delay{};
  };
  Answer Handle(const engine::Request& request);
  Answer HandleContainers(const engine::Request& request, const std::vector<std::string>& parts);
  Answer HandleNetworks(const engine::Request& request, const std::vector<std::string>& parts);
  Answer Create(const engine::Request& request);
  Answer Start(FakeContainer& container);
  Answer List(const engine::Request& request);
  nlohmann::json Inspect(const FakeContainer& container) const;
  void Tell(const FakeContainer& container, const std::string& action);

  Runtime& runtime_;
  std::unique_ptr<Loop> loop_;
  std::vector<std::weak_ptr<Stream>> streams_;
  std::vector<nlohmann::json> remembered_;
  bool down_ = false;
  bool leaving_ = false;
  std::string leave_at_;
  bool hung_ = false;
  bool muted_ = false;
  std::string lose_;
  struct Failing {
    std::string call;
    int status;
    std::string message;
  };
  std::vector<Failing> failing_;
  int next_id_ = 1;
};

}  // namespace swarm::executor_docker
