#include "introducer.h"

#include <algorithm>
#include <chrono>
#include <span>
#include <string_view>
#include <utility>

#include "frame.h"

namespace swarm::gossip {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kDefaultCluster = "default";
constexpr std::string_view kSubsystem = "networking:gossip";
// Engines open their port a moment after they have become ready.
constexpr Duration kSettle = 200ms;
// Until news that one member of a group was told have reached the others.
constexpr Duration kSpread = 1s;
constexpr Duration kFirstPause = 2s;
constexpr Duration kLongestPause = 60s;

bool IsEngine(const pb::Node& node) {
  const auto& plugins = node.description().engine().plugins();
  return node.status().state() == pb::NodeStatus::READY &&
         std::any_of(plugins.begin(), plugins.end(), [](const auto& plugin) {
           return plugin.type() == "Network" && plugin.name() == "overlay";
         });
}

// "10.0.0.1" of "10.0.0.1", "10.0.0.1:2377" or "[fd00::1]:2377".
std::string HostOf(const std::string& address) {
  if (address.starts_with('[')) return address.substr(1, address.find(']') - 1);
  const bool with_port = std::count(address.begin(), address.end(), ':') == 1;
  return with_port ? address.substr(0, address.find(':')) : address;
}

}  // namespace

Introducer::Introducer(component::Env& env, IntroducerOptions options,
                       std::unique_ptr<Dialer> dialer)
    : env_(env), options_(options), dialer_(std::move(dialer)) {}

void Introducer::Begin(const ViewPtr& view) {
  (void)view->FindMessages(Table::kNode, By::All(), [this](const MessagePtr& message) {
    OnNode(static_cast<const pb::Node&>(*message));
    return true;
  });
  (void)view->FindMessages(Table::kCluster, By::Name(std::string(kDefaultCluster)),
                           [this](const MessagePtr& message) {
                             ReadKeys(static_cast<const pb::Cluster&>(*message));
                             return true;
                           });
  OnNews();
}

void Introducer::OnCommit(const Commit& commit) {
  const auto engines = engines_;
  const auto keys = keys_;
  for (const Event& event : commit.events) {
    if (event.table == Table::kNode) {
      const auto& node = static_cast<const pb::Node&>(*event.object);
      event.change == Change::kRemove ? ForgetNode(node.id()) : OnNode(node);
    } else if (event.table == Table::kCluster && event.change != Change::kRemove) {
      const auto& cluster = static_cast<const pb::Cluster&>(*event.object);
      if (cluster.spec().annotations().name() == kDefaultCluster) ReadKeys(cluster);
    }
  }
  if (engines != engines_ || keys != keys_) OnNews();
}

void Introducer::OnNode(const pb::Node& node) {
  const std::string address = HostOf(node.status().addr());
  if (IsEngine(node) && IsUsable(address)) {
    engines_[node.id()] = address;
  } else {
    ForgetNode(node.id());
  }
}

void Introducer::ForgetNode(const std::string& id) { engines_.erase(id); }

void Introducer::ReadKeys(const pb::Cluster& cluster) {
  std::vector<pb::EncryptionKey> found;
  for (const auto& key : cluster.network_bootstrap_keys()) {
    if (key.subsystem() == kSubsystem) found.push_back(key);
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.lamport_time() < b.lamport_time(); });
  // The second oldest encrypts: whoever is one rotation behind or ahead has it too.
  if (found.size() > 1) std::swap(found[0], found[1]);
  keys_.clear();
  for (const auto& key : found) keys_.push_back(key.key());
}

std::set<std::string> Introducer::Addresses() const {
  std::set<std::string> out;
  for (const auto& [node, address] : engines_) out.insert(address);
  return out;
}

void Introducer::OnNews() {
  pause_ = kFirstPause;
  reported_.clear();
  if (busy_) {
    news_ = true;
  } else {
    Arm(kSettle);
  }
}

void Introducer::Arm(Duration delay) {
  timer_ = env_.loop().After(delay, [this] { Look(); });
}

void Introducer::Look() {
  const auto addresses = Addresses();
  // One engine alone has nobody to meet; the next news wake us.
  if (addresses.size() < 2 || keys_.empty()) return;
  std::vector<Question> questions;
  for (const std::string& address : addresses) questions.push_back({address, Seal(PushPull())});
  Ask(std::move(questions), &Introducer::OnViews);
}

void Introducer::Ask(std::vector<Question> questions,
                     void (Introducer::*then)(std::vector<Answer>)) {
  busy_ = true;
  dialer_->Ask(std::move(questions),
               [this, then, weak = env_.weak_from_this()](std::vector<Answer> answers) {
                 // While there is an environment this part may be gone, but then its loop runs
                 // nothing any more.
                 if (const auto env = weak.lock()) {
                   env->loop().Post([this, then, answers = std::move(answers)]() mutable {
                     busy_ = false;
                     (this->*then)(std::move(answers));
                   });
                 }
               });
}

Result<PushPull> Introducer::Read(const Answer& answer) const {
  if (!answer.frame.ok()) return answer.frame.status();
  SWARM_ASSIGN_OR_RETURN(const std::string plain, OpenFrame(*answer.frame, keys_));
  return Decode(plain);
}

std::string Introducer::Seal(const PushPull& message) {
  Nonce nonce;
  env_.random().Fill(std::as_writable_bytes(std::span(nonce)));
  auto frame = gossip::Seal(Encode(message), keys_.front(), nonce);
  // Only a key of a wrong size fails, and then every engine is reported.
  return frame.ok() ? *std::move(frame) : std::string();
}

void Introducer::Report(const Answer& answer, const Status& status) {
  if (!reported_.insert(answer.address).second) return;
  env_.logger().Warn(
      "engine cannot be introduced to others: its containers are alone on overlay networks; check "
      "that port 7946 is open among all nodes",
      {{"address", answer.address}, {"error", status.message()}});
}

void Introducer::OnViews(std::vector<Answer> answers) {
  Views views;
  bool well = true;
  for (const Answer& answer : answers) {
    auto view = Read(answer);
    if (view.ok()) {
      reported_.erase(answer.address);
      views.emplace(answer.address, *std::move(view));
      continue;
    }
    well = false;
    // A refused connection is an engine that is not up yet, at first.
    if (pause_ > kFirstPause) Report(answer, view.status());
  }
  const auto introductions = Introduce(views, Addresses());
  if (introductions.empty()) {
    if (std::exchange(split_reported_, false)) env_.logger().Info("engines know each other", {});
    introduced_ = false;
    return LookAgain(well);
  }
  if (introduced_ && !std::exchange(split_reported_, true)) {
    env_.logger().Warn("engines do not find each other: overlay networks do not reach all of them",
                       {{"groups", std::to_string(GroupsOf(views).size())}});
  }
  env_.logger().Info("introducing engines to each other",
                     {{"groups", std::to_string(introductions.size())}});
  std::vector<Question> questions;
  for (const auto& introduction : introductions) {
    questions.push_back({introduction.to, Seal(introduction.message)});
  }
  Ask(std::move(questions), &Introducer::OnIntroduced);
}

void Introducer::OnIntroduced(std::vector<Answer> answers) {
  for (const Answer& answer : answers) {
    if (const auto view = Read(answer); !view.ok()) Report(answer, view.status());
  }
  // Whether it helped is seen by looking again.
  if (std::exchange(introduced_, true)) return LookAgain(false);
  news_ = false;
  Arm(kSpread);
}

void Introducer::LookAgain(bool well) {
  if (std::exchange(news_, false)) return Arm(kSettle);
  if (well) {
    pause_ = kFirstPause;
    return Arm(options_.interval);
  }
  Arm(pause_);
  pause_ = std::min(pause_ * 2, kLongestPause);
}

}  // namespace swarm::gossip
