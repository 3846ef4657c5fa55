#include "completion.h"

#include <algorithm>
#include <optional>

#include "flags.h"
#include "words.h"

namespace swarm::ctl {
namespace {

using namespace std::chrono_literals;

// Longer, and the user has typed on.
constexpr Duration kPatience = 2s;
constexpr std::string_view kFiles = ":files\n";

struct Candidate {
  std::string word;
  std::string description;
};
using Candidates = std::vector<Candidate>;

template <class Response, class Request, class List, class Name>
Candidates Names(Client& client, const char* method, List list, Name name) {
  Candidates out;
  const auto found = client.Call<Response>(method, Request());
  if (!found.ok()) return out;
  for (const auto& object : list(*found)) out.push_back({name(object), object.id()});
  return out;
}

Candidates Objects(Client& client, Completes kind) {
  const auto named = [](const auto& object) { return object.spec().annotations().name(); };
  switch (kind) {
    case Completes::kNodes:
      return Names<pb::ListNodesResponse, pb::ListNodesRequest>(
          client, "ListNodes", [](const auto& r) { return r.nodes(); },
          [](const pb::Node& node) { return node.description().hostname(); });
    case Completes::kServices:
      return Names<pb::ListServicesResponse, pb::ListServicesRequest>(
          client, "ListServices", [](const auto& r) { return r.services(); }, named);
    case Completes::kTasks:
      return Names<pb::ListTasksResponse, pb::ListTasksRequest>(
          client, "ListTasks", [](const auto& r) { return r.tasks(); },
          [](const pb::Task& task) { return task.id(); });
    case Completes::kClusters:
      return Names<pb::ListClustersResponse, pb::ListClustersRequest>(
          client, "ListClusters", [](const auto& r) { return r.clusters(); }, named);
    case Completes::kNetworks:
      return Names<pb::ListNetworksResponse, pb::ListNetworksRequest>(
          client, "ListNetworks", [](const auto& r) { return r.networks(); }, named);
    case Completes::kSecrets:
      return Names<pb::ListSecretsResponse, pb::ListSecretsRequest>(
          client, "ListSecrets", [](const auto& r) { return r.secrets(); }, named);
    case Completes::kConfigs:
      return Names<pb::ListConfigsResponse, pb::ListConfigsRequest>(
          client, "ListConfigs", [](const auto& r) { return r.configs(); }, named);
    case Completes::kNothing:
    case Completes::kFiles:
      break;
  }
  return {};
}

// One line to complete.
class Line {
 public:
  Line(const Command& root, std::vector<FlagSpec> global, std::vector<std::string> words,
       const Environment& environment)
      : words_(std::move(words)), environment_(environment), flags_(std::move(global)) {
    if (words_.empty()) words_.emplace_back();
    last_ = words_.back();
    words_.pop_back();
    auto rest = words_;
    command_ = FindCommand(root, rest, flags_).back();
    flags_.insert(flags_.end(), command_->flags.begin(), command_->flags.end());
    flags_.push_back({"help", 'h', FlagKind::kBool, "", "Help for " + command_->name});
  }

  std::string Complete() {
    if (const FlagSpec* flag = PendingFlag()) return Values(*flag, "", last_);
    if (last_.starts_with("--") && last_.find('=') != std::string::npos) return AfterEqual();
    if (last_.starts_with("-")) return FlagNames();
    if (!command_->children.empty()) return Children();
    if (command_->completes == Completes::kFiles) return std::string(kFiles);
    return Print(Ask(command_->completes), "", last_);
  }

 private:
  const FlagSpec* Find(const std::string& word) const {
    const auto found = std::find_if(flags_.begin(), flags_.end(), [&word](const FlagSpec& f) {
      return word == "--" + f.name || (f.shorthand && word == std::string("-") + f.shorthand);
    });
    return found == flags_.end() ? nullptr : &*found;
  }

  // The flag before the word, when the word is its value.
  const FlagSpec* PendingFlag() const {
    if (words_.empty()) return nullptr;
    const FlagSpec* flag = Find(words_.back());
    return flag && flag->kind != FlagKind::kBool ? flag : nullptr;
  }

  std::string AfterEqual() {
    const auto equal = last_.find('=');
    const FlagSpec* flag = Find(last_.substr(0, equal));
    return flag ? Values(*flag, last_.substr(0, equal + 1), last_.substr(equal + 1)) : "";
  }

  std::string Values(const FlagSpec& flag, const std::string& before, const std::string& start) {
    if (flag.completes == Completes::kFiles) return std::string(kFiles);
    Candidates candidates;
    for (const std::string& choice : flag.choices) candidates.push_back({choice, ""});
    if (flag.choices.empty()) candidates = Ask(flag.completes);
    return Print(candidates, before, start);
  }

  std::string FlagNames() const {
    Candidates candidates;
    for (const FlagSpec& flag : flags_) candidates.push_back({"--" + flag.name, flag.help});
    return Print(candidates, "", last_);
  }

  std::string Children() const {
    Candidates candidates;
    for (const Command& child : command_->children) {
      candidates.push_back({child.name, child.summary});
    }
    return Print(candidates, "", last_);
  }

  static std::string Print(Candidates candidates, const std::string& before,
                           const std::string& start) {
    std::stable_sort(candidates.begin(), candidates.end(),
                     [](const Candidate& a, const Candidate& b) { return a.word < b.word; });
    std::string out;
    std::string previous;
    for (const Candidate& candidate : candidates) {
      if (candidate.word.empty() || !candidate.word.starts_with(start)) continue;
      if (candidate.word == previous) continue;
      previous = candidate.word;
      out += before + candidate.word;
      if (!candidate.description.empty()) out += "\t" + candidate.description;
      out += "\n";
    }
    return out;
  }

  Candidates Ask(Completes kind) {
    if (kind == Completes::kNothing) return {};
    ClientOptions options;
    options.timeout = kPatience;
    options.clock = environment_.steady;
    Client client([this] { return environment_.connect(Socket()); }, options);
    return Objects(client, kind);
  }

  // As the line names it so far.
  std::string Socket() const {
    std::string out = environment_.default_socket;
    for (std::size_t i = 0; i < words_.size(); ++i) {
      const std::string& word = words_[i];
      if ((word == "-s" || word == "--socket") && i + 1 < words_.size()) out = words_[i + 1];
      if (word.starts_with("--socket=")) out = word.substr(9);
      if (word.starts_with("-s") && word.size() > 2 && word[2] != '=') out = word.substr(2);
    }
    return out;
  }

  std::vector<std::string> words_;  // before the one to complete
  std::string last_;
  const Environment& environment_;
  std::vector<FlagSpec> flags_;
  const Command* command_ = nullptr;
};

}  // namespace

std::string CompleteWords(const Command& root, const std::vector<FlagSpec>& global,
                          std::vector<std::string> words, const Environment& environment) {
  return Line(root, global, std::move(words), environment).Complete();
}

}  // namespace swarm::ctl
