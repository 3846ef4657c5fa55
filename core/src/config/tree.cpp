#include "config/tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <optional>
#include <sstream>
#include <utility>

namespace swarm::config {
namespace {

// Whether the quoted scalar that begins at `at` ends. The parser takes the end of the file for a
// closing quote, and so would swallow all that follows a forgotten one.
bool QuoteIsClosed(std::string_view text, std::size_t at) {
  if (at >= text.size() || (text[at] != '"' && text[at] != '\'')) return true;
  const char quote = text[at];
  for (std::size_t i = at + 1; i < text.size(); ++i) {
    if (quote == '"' && text[i] == '\\') {
      ++i;
    } else if (text[i] == quote) {
      const bool doubled = quote == '\'' && i + 1 < text.size() && text[i + 1] == quote;
      if (!doubled) return true;
      ++i;
    }
  }
  return false;
}

// Builds the tree; the innermost open list or map is the last of `open_`.
class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(std::string_view text, std::string_view file) : text_(text), file_(file) {}

  Node TakeRoot() { return std::move(root_); }
  const std::optional<Status>& error() const { return error_; }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override {
    Add(Make(Node::Kind::kNull, mark), false);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    Refuse(At(mark), "aliases (*name) are not supported here; write the value out");
    Add(Make(Node::Kind::kNull, mark), false);
  }
  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                const std::string& value) override {
    Node node = Make(Node::Kind::kScalar, mark);
    node.scalar = value;
    if (!QuoteIsClosed(text_, static_cast<std::size_t>(mark.pos)))
      Refuse(node.place, "not valid YAML: a quote that is never closed");
    Add(std::move(node), false);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    Add(Make(Node::Kind::kList, mark), true);
  }
  void OnSequenceEnd() override { open_.pop_back(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    Add(Make(Node::Kind::kMap, mark), true);
  }
  void OnMapEnd() override { open_.pop_back(); }

 private:
  struct Open {
    Node* node;
    bool key_next = true;
  };

  Place At(const YAML::Mark& mark) const { return {file_, mark.line + 1, mark.column + 1}; }

  Node Make(Node::Kind kind, const YAML::Mark& mark) const {
    Node node;
    node.kind = kind;
    node.place = At(mark);
    return node;
  }

  void Refuse(const Place& place, std::string_view why) {
    if (error_) return;
    error_ = Status(Code::kInvalidArgument, place.ToString() + ": " + std::string(why));
  }

  void Add(Node node, bool opens) {
    Node* at = Attach(std::move(node));
    if (opens) open_.push_back({at});
  }

  Node* Attach(Node node) {
    if (open_.empty()) {
      root_ = std::move(node);
      return &root_;
    }
    Open& open = open_.back();
    if (open.node->kind == Node::Kind::kList) {
      open.node->items.push_back(std::move(node));
      return &open.node->items.back();
    }
    if (!open.key_next) {
      open.key_next = true;
      Entry& entry = open.node->entries.back();
      // An absent value has no place of its own: the parser names where it gave up looking.
      if (node.kind == Node::Kind::kNull) node.place = entry.place;
      entry.value = std::move(node);
      return &entry.value;
    }
    if (node.kind != Node::Kind::kScalar) {
      Refuse(node.place, "a key is a word, not " + Describe(node));
    }
    open.key_next = false;
    open.node->entries.push_back({node.scalar, node.place, {}});
    // A list or map as a key is swallowed by a node that nobody reads.
    if (node.kind == Node::Kind::kList || node.kind == Node::Kind::kMap) {
      open.node->entries.back().value = std::move(node);
      return &open.node->entries.back().value;
    }
    return &open.node->entries.back().value;
  }

  const std::string_view text_;
  const std::string file_;
  Node root_;
  std::vector<Open> open_;
  std::optional<Status> error_;
};

}  // namespace

std::string Place::ToString() const {
  if (line == 0) return source;
  return source + ":" + std::to_string(line) + ":" + std::to_string(column);
}

const Node* Node::Find(std::string_view key) const {
  for (const Entry& entry : entries) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

Node* Node::Find(std::string_view key) { return const_cast<Node*>(std::as_const(*this).Find(key)); }

std::string Describe(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNull:
      return "nothing";
    case Node::Kind::kScalar:
      return "\"" + node.scalar + "\"";
    case Node::Kind::kList:
      return "a list";
    case Node::Kind::kMap:
      return "a map";
  }
  return "nothing";
}

Result<Node> ParseYaml(std::string_view text, std::string_view file) {
  TreeBuilder builder(text, file);
  try {
    std::istringstream in{std::string(text)};
    YAML::Parser parser(in);
    parser.HandleNextDocument(builder);
    if (builder.error()) return *builder.error();
    Node root = builder.TakeRoot();
    TreeBuilder second(text, file);
    if (parser.HandleNextDocument(second)) {
      return Status(Code::kInvalidArgument,
                    second.TakeRoot().place.ToString() + ": a second document; one is enough");
    }
    return root;
  } catch (const YAML::Exception& error) {
    if (builder.error()) return *builder.error();  // the cause, where the parser saw a result
    const Place place{std::string(file), error.mark.line + 1, error.mark.column + 1};
    return Status(Code::kInvalidArgument, place.ToString() + ": not valid YAML: " + error.msg);
  } catch (const std::exception& error) {
    return Status(Code::kInvalidArgument, std::string(file) + ": not valid YAML: " + error.what());
  }
}

}  // namespace swarm::config
