#include "evaluate.h"

#include "functions.h"

namespace swarm::templates {
namespace {

// Nested ranges multiply; these bounds end what no real text needs.
constexpr std::size_t kMaxOutput = 1 << 20;
constexpr std::size_t kMaxSteps = 100'000;

Value MakeMap(const std::map<std::string, std::string>& from) {
  auto members = std::make_shared<Members>();
  members->is_map = true;
  for (const auto& [key, value] : from) members->entries.emplace_back(key, MakeText(value));
  return Value{std::shared_ptr<const Members>(std::move(members))};
}

Value Root(const Context& c) {
  Value service = MakeStruct({{"ID", MakeText(c.service.id)},
                              {"Name", MakeText(c.service.name)},
                              {"Labels", MakeMap(c.service.labels)}});
  Value platform =
      MakeStruct({{"Architecture", MakeText(c.node.architecture)}, {"OS", MakeText(c.node.os)}});
  Value node = MakeStruct({{"ID", MakeText(c.node.id)},
                           {"Hostname", MakeText(c.node.hostname)},
                           {"Platform", platform}});
  Value task = MakeStruct({{"ID", MakeText(c.task.id)},
                           {"Name", MakeText(c.task.name)},
                           {"Slot", MakeText(c.task.slot)}});
  return MakeStruct({{"Service", service}, {"Node", node}, {"Task", task}});
}

}  // namespace

Evaluator::Evaluator(std::string_view text, const Context& context)
    : text_(text), context_(context) {
  variables_.emplace_back("", Root(context));  // "$" alone
}

Result<std::string> Evaluator::Run(const std::vector<Node>& nodes) {
  Value dot = variables_.front().second;
  SWARM_RETURN_IF_ERROR(Walk(nodes, dot));
  return std::move(out_);
}

Status Evaluator::Spend(std::size_t bytes, std::size_t offset) {
  steps_ += 1;
  if (steps_ <= kMaxSteps && out_.size() + bytes <= kMaxOutput) return {};
  return {Code::kResourceExhausted, ErrorAt(text_, offset, "the expansion is too large").message()};
}

Status Evaluator::Walk(const std::vector<Node>& nodes, const Value& dot) {
  std::size_t scope = variables_.size();
  for (const Node& node : nodes) {
    switch (node.kind) {
      case Node::Kind::kText:
        SWARM_RETURN_IF_ERROR(Spend(node.text.size(), 0));
        out_ += node.text;
        break;
      case Node::Kind::kOutput: {
        SWARM_ASSIGN_OR_RETURN(Value value, Evaluate(*node.pipeline, dot));
        if (!node.variables.empty()) {
          SWARM_RETURN_IF_ERROR(Bind(node, value));
          break;
        }
        std::string shown = value.Text();
        SWARM_RETURN_IF_ERROR(Spend(shown.size(), node.pipeline->offset));
        out_ += shown;
        break;
      }
      case Node::Kind::kIf:
      case Node::Kind::kWith:
        SWARM_RETURN_IF_ERROR(Branch(node, dot));
        break;
      case Node::Kind::kRange:
        SWARM_RETURN_IF_ERROR(Range(node, dot));
        break;
    }
  }
  variables_.resize(scope);
  return {};
}

Status Evaluator::Branch(const Node& node, const Value& dot) {
  std::size_t scope = variables_.size();
  SWARM_ASSIGN_OR_RETURN(Value value, Evaluate(*node.pipeline, dot));
  if (!node.variables.empty()) SWARM_RETURN_IF_ERROR(Bind(node, value));
  const Value& inner = node.kind == Node::Kind::kWith ? value : dot;
  SWARM_RETURN_IF_ERROR(value.Truth() ? Walk(node.body, inner) : Walk(node.otherwise, dot));
  variables_.resize(scope);
  return {};
}

Status Evaluator::Range(const Node& node, const Value& dot) {
  SWARM_ASSIGN_OR_RETURN(Value over, Evaluate(*node.pipeline, dot));
  const Members* members = over.members();
  if (!members || !members->is_map) {
    return Error(*node.pipeline, "range can't iterate over this value");
  }
  if (members->entries.empty()) return Walk(node.otherwise, dot);
  if (!node.variables.empty() && !node.declares) {
    return Error(*node.pipeline, "range can only declare variables, with :=");
  }
  for (const auto& [key, value] : members->entries) {
    SWARM_RETURN_IF_ERROR(Spend(0, node.pipeline->offset));
    std::size_t scope = variables_.size();
    if (node.variables.size() == 2) variables_.emplace_back(node.variables[0], MakeText(key));
    if (!node.variables.empty()) variables_.emplace_back(node.variables.back(), value);
    SWARM_RETURN_IF_ERROR(Walk(node.body, value));
    variables_.resize(scope);
  }
  return {};
}

Status Evaluator::Bind(const Node& node, const Value& value) {
  const std::string& name = node.variables.front();
  if (node.declares) {
    variables_.emplace_back(name, value);
    return {};
  }
  for (auto found = variables_.rbegin(); found != variables_.rend(); ++found) {
    if (found->first != name || name.empty()) continue;
    found->second = value;
    return {};
  }
  return Error(*node.pipeline, "undefined variable \"$" + name + "\"");
}

Result<Value> Evaluator::Evaluate(const Expression& expression, const Value& dot) {
  SWARM_RETURN_IF_ERROR(Spend(0, expression.offset));
  switch (expression.kind) {
    case Expression::Kind::kLiteral:
      return expression.literal;
    case Expression::Kind::kDot:
      return dot;
    case Expression::Kind::kField:
      return Field(expression, dot);
    case Expression::Kind::kCall:
      return Call(expression, dot);
    case Expression::Kind::kVariable:
      break;
  }
  for (auto found = variables_.rbegin(); found != variables_.rend(); ++found) {
    if (found->first == expression.name) return found->second;
  }
  return Error(expression, "undefined variable \"$" + expression.name + "\"");
}

Result<Value> Evaluator::Field(const Expression& expression, const Value& dot) {
  SWARM_ASSIGN_OR_RETURN(Value base, Evaluate(*expression.operands[0], dot));
  const Members* members = base.members();
  const Value* found = members ? members->Find(expression.name) : nullptr;
  if (found) return *found;
  if (members && members->is_map) {
    return Error(expression, "map has no entry for key \"" + expression.name + "\"");
  }
  return Error(expression, "can't evaluate field " + expression.name);
}

Result<Value> Evaluator::Choose(const Expression& expression, const Value& dot, bool wanted) {
  Value value;
  for (const ExpressionPtr& operand : expression.operands) {
    SWARM_ASSIGN_OR_RETURN(value, Evaluate(*operand, dot));
    if (value.Truth() == wanted) break;
  }
  if (expression.operands.empty()) return Error(expression, expression.name + " needs an argument");
  return value;
}

Result<Value> Evaluator::LookUp(const Context::Lookup& lookup, const Expression& expression,
                                const std::vector<Value>& arguments) {
  if (arguments.size() != 1 || !arguments[0].text()) {
    return Error(expression, expression.name + " needs one string");
  }
  auto found = lookup(*arguments[0].text());
  if (!found.ok()) return Error(expression, found.status().message());
  return MakeText(std::move(*found));
}

Result<Value> Evaluator::Call(const Expression& expression, const Value& dot) {
  const std::string& name = expression.name;
  if (name == "and") return Choose(expression, dot, false);
  if (name == "or") return Choose(expression, dot, true);
  std::vector<Value> arguments;
  for (const ExpressionPtr& operand : expression.operands) {
    SWARM_ASSIGN_OR_RETURN(Value value, Evaluate(*operand, dot));
    arguments.push_back(std::move(value));
  }
  for (auto [known, lookup] : {std::pair{"secret", &context_.secret},
                               {"config", &context_.config},
                               {"env", &context_.env}}) {
    if (name == known && *lookup) return LookUp(*lookup, expression, arguments);
  }
  auto value = CallFunction(name, arguments);
  if (!value.ok()) return Error(expression, value.status().message());
  return value;
}

}  // namespace swarm::templates
