// The agent: keeps a session with some manager, and brings together what it says, the worker and
// the reporter.
// Threading: [loop], the agent's own.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "component/poster.h"
#include "log_subscriptions.h"
#include "options.h"
#include "reporter.h"
#include "session.h"
#include "swarm/agent.h"
#include "swarm/log.h"
#include "swarm/runtime.h"
#include "worker.h"

namespace swarm::agent {

class Core : public std::enable_shared_from_this<Core> {
 public:
  struct Parts {
    Loop& loop;
    component::Poster post;
    Runtime& runtime;
    Logger log;
    Options options;
    AgentParameters parameters;
  };
  explicit Core(Parts parts);

  void Start(Function<void(Status)> done);
  void Stop(Function<void()> done);
  void Leave(Function<void(Status)> done);
  void SetTlsInfo(pb::NodeTLSInfo info);

 private:
  // core.cpp: beginning and end
  void OnStored(Result<StoredTasks> tasks, Function<void(Status)> done);
  void Describe(Function<void()> then);
  void OnDescribed(const Result<pb::NodeDescription>& described);
  void ScheduleDescribe();
  void EndLeaving(const Status& status);

  // connecting.cpp: sessions
  void Connect(Duration delay);
  void OpenSession();
  void OnRegistered();
  void OnSessionEnd(const Status& why);
  void Restart();
  void OnMessage(const pb::SessionMessage& message);
  void OnManagers(const pb::SessionMessage& message);
  void OnNode(const pb::SessionMessage& message);
  void OnKeys(const pb::SessionMessage& message);

  Parts parts_;
  std::unique_ptr<Random> random_;
  std::shared_ptr<TaskWriter> writer_;
  std::shared_ptr<Reporter> reporter_;
  std::shared_ptr<Worker> worker_;
  std::shared_ptr<LogSubscriptions> logs_;

  std::shared_ptr<const pb::NodeDescription> description_;  // never null
  std::unique_ptr<Timer> describe_timer_;
  std::unique_ptr<Timer> describe_limit_;
  bool describing_ = false;
  Function<void()> described_;

  std::shared_ptr<Session> session_;
  std::unique_ptr<Timer> connect_timer_;
  std::string session_id_;  // of the last session that was up
  bool registered_ = false;
  Duration backoff_{};

  std::vector<Peer> managers_;
  std::string node_;  // the last node object without status and meta, serialised
  std::string roots_;
  std::vector<std::uint64_t> key_times_;

  bool stopped_ = false;
  bool started_ = false;
  std::vector<Function<void(Status)>> leaving_;
  std::unique_ptr<Timer> leave_timer_;
};

}  // namespace swarm::agent
