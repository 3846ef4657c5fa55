// Runs a parsed template.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "syntax.h"
#include "template/expand.h"

namespace swarm::templates {

class Evaluator {
 public:
  Evaluator(std::string_view text, const Context& context);
  Result<std::string> Run(const std::vector<Node>& nodes);

 private:
  Status Walk(const std::vector<Node>& nodes, const Value& dot);
  Status Branch(const Node& node, const Value& dot);
  Status Range(const Node& node, const Value& dot);
  Status Bind(const Node& node, const Value& value);
  Status Spend(std::size_t bytes, std::size_t offset);

  Result<Value> Evaluate(const Expression& expression, const Value& dot);
  Result<Value> Field(const Expression& expression, const Value& dot);
  Result<Value> Call(const Expression& expression, const Value& dot);
  // "and" and "or" evaluate only as many arguments as they need.
  Result<Value> Choose(const Expression& expression, const Value& dot, bool wanted);
  Result<Value> LookUp(const Context::Lookup& lookup, const Expression& expression,
                       const std::vector<Value>& arguments);

  Status Error(const Expression& expression, const std::string& what) const {
    return ErrorAt(text_, expression.offset, what);
  }

  std::string_view text_;
  const Context& context_;
  std::vector<std::pair<std::string, Value>> variables_;
  std::string out_;
  std::size_t steps_ = 0;
};

}  // namespace swarm::templates
