// Introduces engines that are workers of this cluster to each other, so that their overlay networks
// reach across machines. A client only: it is no member and listens nowhere.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "component/component.h"
#include "dialer.h"
#include "introduction.h"

namespace swarm::gossip {

struct IntroducerOptions {
  Duration interval;  // between two looks at a cluster in which all know each other
};

// Threading: [loop].
class Introducer final : public component::Part {
 public:
  Introducer(component::Env& env, IntroducerOptions options, std::unique_ptr<Dialer> dialer);

  void Begin(const ViewPtr& view) override;
  void OnCommit(const Commit& commit) override;

 private:
  void OnNode(const pb::Node& node);
  void ForgetNode(const std::string& id);
  void ReadKeys(const pb::Cluster& cluster);
  // The set of engines or the keys changed.
  void OnNews();

  void Arm(Duration delay);
  void Look();
  void Ask(std::vector<Question> questions, void (Introducer::*then)(std::vector<Answer>));
  void OnViews(std::vector<Answer> answers);
  void OnIntroduced(std::vector<Answer> answers);
  Result<PushPull> Read(const Answer& answer) const;
  std::string Seal(const PushPull& message);
  std::set<std::string> Addresses() const;
  void Report(const Answer& answer, const Status& status);
  // After a look: another one, soon when something is wrong and later and later when it stays so.
  void LookAgain(bool well);

  component::Env& env_;
  const IntroducerOptions options_;
  const std::unique_ptr<Dialer> dialer_;
  std::map<std::string, std::string> engines_;  // address by node
  std::vector<std::string> keys_;               // the one to encrypt with first
  std::set<std::string> reported_;              // addresses that were reported as not reachable
  bool split_reported_ = false;
  bool introduced_ = false;  // by the last look
  bool busy_ = false;
  bool news_ = false;  // while busy
  Duration pause_{};
  std::unique_ptr<Timer> timer_;
};

}  // namespace swarm::gossip
