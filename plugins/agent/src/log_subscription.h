// One subscription: reads the tasks it selects and publishes their lines, several in a message and
// one message at a time, so that a slow manager slows the reading.
// Threading: [loop].
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "log_reader.h"
#include "swarm/rpc.h"

namespace swarm::agent {

class LogSubscription : public std::enable_shared_from_this<LogSubscription> {
 public:
  struct Parts {
    Loop& loop;
    component::Poster post;
    Logger log;
    Options options;
    const LogTasks& tasks;
    std::string node_id;
    Function<void(const Status&)> ended;  // once, with what the manager said; not after Close
  };
  LogSubscription(Parts parts, const pb::SubscriptionMessage& message);
  ~LogSubscription();

  void Begin(Channel& channel);
  // A task is new or has changed.
  void OnTask(const std::string& id);
  // A task's controller is about to be closed.
  void OnTaskGoing(const std::string& id);
  // Ends it, silently.
  void Close();

 private:
  bool Selects(const LogTask& task) const;
  void Add(const LogTask& task, bool early);
  LogReader* Find(const std::string& id) const;
  void OnNews(const std::string& id);
  void Pump();
  // Lines of the readers that have some, in turn, up to a message's size.
  pb::PublishLogsMessage NextMessage();
  void AddLine(const LogReader& reader, LogLine line, pb::PublishLogsMessage* out) const;
  void OnSent(bool sent);
  // Readers that had to stop go on; whether there are any.
  bool FeedStarved();
  void FinishIfDone();
  void AwaitReply();
  void OnReply(const Status& status);

  Parts parts_;
  const std::string id_;
  const LogRequest request_;
  const std::unordered_set<std::string> services_;
  const std::unordered_set<std::string> tasks_;
  bool whole_node_ = false;
  const std::shared_ptr<LogRoom> room_;
  std::shared_ptr<ClientStream> stream_;                                 // null: not begun, or over
  std::unordered_map<std::string, std::shared_ptr<LogReader>> readers_;  // by task
  std::deque<std::string> ready_;  // tasks whose readers have something
  std::unordered_set<std::string> in_ready_;
  bool busy_ = false;
  bool closing_ = false;
};

}  // namespace swarm::agent
