#include "syntax.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace swarm::templates {
namespace {

constexpr int kMaxDepth = 64;  // nesting of blocks and parentheses together

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsName(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || IsDigit(c) ||
         static_cast<unsigned char>(c) >= 0x80;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<std::vector<Node>> Run() {
    std::vector<Node> nodes;
    SWARM_ASSIGN_OR_RETURN(std::string end, Block(&nodes, 0));
    if (!end.empty()) return Error("unexpected {{" + end + "}}");
    return nodes;
  }

 private:
  Status Error(const std::string& what) const { return ErrorAt(text_, at_, what); }

  // Reads nodes up to "end" or "else" (which is returned, its action still open), or the end of
  // the text (empty).
  Result<std::string> Block(std::vector<Node>* nodes, int depth) {
    if (depth > kMaxDepth) return Error("blocks are nested too deeply");
    while (true) {
      SWARM_ASSIGN_OR_RETURN(bool action, Text(nodes));
      if (!action) return std::string();
      SkipSpace();
      std::string word = PeekWord();
      if (word == "end" || word == "else") {
        at_ += word.size();
        return word;
      }
      SWARM_RETURN_IF_ERROR(Action(word, nodes, depth));
    }
  }

  // Plain text up to the next action, whose "{{" is consumed; false at the end of the text.
  Result<bool> Text(std::vector<Node>* nodes) {
    while (true) {
      std::size_t open = text_.find("{{", at_);
      std::string_view plain = text_.substr(at_, open == text_.npos ? text_.npos : open - at_);
      if (trim_next_) plain.remove_prefix(Leading(plain));
      trim_next_ = false;
      if (open == text_.npos) {
        AddText(nodes, plain);
        at_ = text_.size();
        return false;
      }
      at_ = open + 2;
      if (At(0) == '-' && IsSpace(At(1))) {
        while (!plain.empty() && IsSpace(plain.back())) plain.remove_suffix(1);
        at_ += 1;
      }
      AddText(nodes, plain);
      std::size_t content = at_ + Leading(text_.substr(at_));
      if (text_.substr(content, 2) != "/*") return true;
      SWARM_RETURN_IF_ERROR(Comment(content));
    }
  }

  Status Comment(std::size_t content) {
    std::size_t end = text_.find("*/", content + 2);
    if (end == text_.npos) return Error("unclosed comment");
    at_ = end + 2;
    return Close();
  }

  static std::size_t Leading(std::string_view text) {
    return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), IsSpace) -
                                    text.begin());
  }

  static void AddText(std::vector<Node>* nodes, std::string_view plain) {
    if (plain.empty()) return;
    Node node;
    node.text = std::string(plain);
    nodes->push_back(std::move(node));
  }

  Status Action(const std::string& word, std::vector<Node>* nodes, int depth) {
    Node node;
    for (auto [name, kind] : {std::pair{"if", Node::Kind::kIf},
                              {"with", Node::Kind::kWith},
                              {"range", Node::Kind::kRange}}) {
      if (word == name) {
        at_ += word.size();
        SWARM_RETURN_IF_ERROR(Control(kind, &node, depth));
        nodes->push_back(std::move(node));
        return {};
      }
    }
    for (const char* name : {"define", "template", "block", "break", "continue"}) {
      if (word == name) return Error("{{" + word + "}} is not supported");
    }
    node.kind = Node::Kind::kOutput;
    SWARM_RETURN_IF_ERROR(Declaration(&node, depth));
    SWARM_RETURN_IF_ERROR(Close());
    nodes->push_back(std::move(node));
    return {};
  }

  // After the keyword, up to and including the matching {{end}}.
  Status Control(Node::Kind kind, Node* node, int depth) {
    node->kind = kind;
    SWARM_RETURN_IF_ERROR(Declaration(node, depth));
    SWARM_RETURN_IF_ERROR(Close());
    SWARM_ASSIGN_OR_RETURN(std::string end, Block(&node->body, depth + 1));
    if (end == "else") {
      SkipSpace();
      std::string word = PeekWord();
      if (kind != Node::Kind::kRange && word == (kind == Node::Kind::kIf ? "if" : "with")) {
        // {{else if}} shares the {{end}} of the block it continues.
        at_ += word.size();
        if (depth > kMaxDepth) return Error("blocks are nested too deeply");
        return Control(kind, &node->otherwise.emplace_back(), depth + 1);
      }
      SWARM_RETURN_IF_ERROR(Close());
      SWARM_ASSIGN_OR_RETURN(end, Block(&node->otherwise, depth + 1));
    }
    if (end != "end")
      return Error(end.empty() ? "a block is not closed with {{end}}"
                               : "unexpected {{" + end + "}}");
    return Close();
  }

  // [$x [, $y] (":=" | "=")] pipeline
  Status Declaration(Node* node, int depth) {
    std::size_t start = at_;
    std::vector<std::string> names;
    SkipSpace();
    while (At(0) == '$') {
      at_ += 1;
      names.push_back(TakeName());
      SkipSpace();
      if (At(0) == ',' && node->kind == Node::Kind::kRange && names.size() == 1) {
        at_ += 1;
        SkipSpace();
        continue;
      }
      break;
    }
    bool declares = text_.substr(at_, 2) == ":=";
    if (!names.empty() && (declares || At(0) == '=')) {
      at_ += declares ? 2 : 1;
      node->variables = std::move(names);
      node->declares = declares;
    } else {
      at_ = start;
    }
    SWARM_ASSIGN_OR_RETURN(node->pipeline, Pipeline(depth));
    return {};
  }

  Result<ExpressionPtr> Pipeline(int depth) {
    if (depth > kMaxDepth) return Error("parentheses are nested too deeply");
    SWARM_ASSIGN_OR_RETURN(ExpressionPtr value, Command(nullptr, depth));
    SkipSpace();
    while (At(0) == '|') {
      at_ += 1;
      // Pipelines are deep to the left: each stage nests one level.
      if (++depth > kMaxDepth) return Error("the pipeline is too long");
      SWARM_ASSIGN_OR_RETURN(value, Command(std::move(value), depth));
      SkipSpace();
    }
    return value;
  }

  // One stage of a pipeline; `piped` becomes its last argument.
  Result<ExpressionPtr> Command(ExpressionPtr piped, int depth) {
    SWARM_ASSIGN_OR_RETURN(ExpressionPtr first, Operand(depth));
    if (!first) return Error("missing value");
    bool is_call = first->kind == Expression::Kind::kCall && callable_;
    while (true) {
      SWARM_ASSIGN_OR_RETURN(ExpressionPtr argument, Operand(depth));
      if (!argument) break;
      if (!is_call) return Error("can't give an argument to what is not a function");
      first->operands.push_back(std::move(argument));
    }
    if (!piped) return first;
    if (!is_call) return Error("can't pipe into what is not a function");
    first->operands.push_back(std::move(piped));
    return first;
  }

  // A term with its fields; null when the pipeline's stage ends here. Sets callable_ when it is a
  // bare function name.
  Result<ExpressionPtr> Operand(int depth) {
    SkipSpace();
    callable_ = false;
    if (AtStageEnd()) return ExpressionPtr();
    SWARM_ASSIGN_OR_RETURN(ExpressionPtr term, Term(depth));
    bool callable = callable_;
    while (At(0) == '.' && IsName(At(1))) {
      at_ += 1;
      auto field = NewExpression(Expression::Kind::kField);
      field->name = TakeName();
      field->operands.push_back(std::move(term));
      term = std::move(field);
      callable = false;
      if (++depth > kMaxDepth) return Error("too many fields");
    }
    callable_ = callable;
    return term;
  }

  bool AtStageEnd() const {
    char c = At(0);
    return at_ >= text_.size() || c == '|' || c == ')' || text_.substr(at_, 2) == "}}" ||
           (IsSpaceBefore() && text_.substr(at_, 3) == "-}}");
  }
  bool IsSpaceBefore() const { return at_ > 0 && IsSpace(text_[at_ - 1]); }

  Result<ExpressionPtr> Term(int depth) {
    char c = At(0);
    if (c == '(') return Parenthesised(depth);
    if (c == '"' || c == '`') return Quoted();
    if (IsDigit(c) || c == '-') return Integer();
    if (c == '.') {
      auto dot = NewExpression(Expression::Kind::kDot);
      if (!IsName(At(1))) at_ += 1;  // else the field that follows takes the dot
      return dot;
    }
    if (c == '$') {
      auto variable = NewExpression(Expression::Kind::kVariable);
      at_ += 1;
      variable->name = TakeName();
      return variable;
    }
    if (IsName(c)) return Word();
    return Error(std::string("unexpected \"") + c + "\" in an action");
  }

  Result<ExpressionPtr> Parenthesised(int depth) {
    at_ += 1;
    SWARM_ASSIGN_OR_RETURN(ExpressionPtr inner, Pipeline(depth + 1));
    SkipSpace();
    if (At(0) != ')') return Error("unclosed parenthesis");
    at_ += 1;
    callable_ = false;
    return inner;
  }

  Result<ExpressionPtr> Word() {
    auto word = NewExpression(Expression::Kind::kLiteral);
    std::string name = TakeName();
    if (name == "true" || name == "false") {
      word->literal.of = name == "true";
    } else if (name != "nil") {
      word->kind = Expression::Kind::kCall;
      word->name = std::move(name);
      callable_ = true;
    }
    return word;
  }

  Result<ExpressionPtr> Integer() {
    auto literal = NewExpression(Expression::Kind::kLiteral);
    std::int64_t value = 0;
    const char* begin = text_.data() + at_;
    auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), value);
    if (error != std::errc()) return Error("bad number");
    at_ += static_cast<std::size_t>(end - begin);
    if (IsName(At(0)) || (At(0) == '.' && IsDigit(At(1)))) return Error("bad number");
    literal->literal.of = value;
    return literal;
  }

  Result<ExpressionPtr> Quoted() {
    auto literal = NewExpression(Expression::Kind::kLiteral);
    char quote = At(0);
    at_ += 1;
    std::string value;
    for (; At(0) != quote; ++at_) {
      if (at_ >= text_.size() || (quote == '"' && At(0) == '\n')) return Error("unclosed string");
      if (At(0) != '\\' || quote == '`') {
        value += At(0);
        continue;
      }
      at_ += 1;
      std::optional<char> escaped = Escape(At(0));
      if (!escaped) return Error("unknown escape in a string");
      value += *escaped;
    }
    at_ += 1;
    literal->literal = MakeText(std::move(value));
    return literal;
  }

  static std::optional<char> Escape(char c) {
    switch (c) {
      case 'n':
        return '\n';
      case 't':
        return '\t';
      case 'r':
        return '\r';
      case '\\':
      case '"':
        return c;
      default:
        return std::nullopt;
    }
  }

  Status Close() {
    SkipSpace();
    if (text_.substr(at_, 3) == "-}}" && IsSpaceBefore()) {
      trim_next_ = true;
      at_ += 3;
      return {};
    }
    if (text_.substr(at_, 2) != "}}") return Error("unclosed action");
    at_ += 2;
    return {};
  }

  ExpressionPtr NewExpression(Expression::Kind kind) const {
    auto out = std::make_unique<Expression>();
    out->kind = kind;
    out->offset = at_;
    return out;
  }
  char At(std::size_t ahead) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  void SkipSpace() {
    while (IsSpace(At(0))) at_ += 1;
  }
  std::string PeekWord() const {
    std::size_t end = at_;
    while (end < text_.size() && IsName(text_[end])) end += 1;
    return std::string(text_.substr(at_, end - at_));
  }
  std::string TakeName() {
    std::string name = PeekWord();
    at_ += name.size();
    return name;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  bool trim_next_ = false;
  bool callable_ = false;
};

}  // namespace

Status ErrorAt(std::string_view text, std::size_t offset, const std::string& what) {
  std::string_view before = text.substr(0, std::min(offset, text.size()));
  auto line = 1 + std::count(before.begin(), before.end(), '\n');
  std::size_t line_start = before.rfind('\n');
  std::size_t column = before.size() - (line_start == before.npos ? 0 : line_start + 1) + 1;
  return {Code::kInvalidArgument, "template: expansion:" + std::to_string(line) + ":" +
                                      std::to_string(column) + ": " + what};
}

Result<std::vector<Node>> Parse(std::string_view text) { return Parser(text).Run(); }

}  // namespace swarm::templates
