// A template's text as a tree.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "swarm/status.h"
#include "value.h"

namespace swarm::templates {

// A pipeline is lowered to nested calls: "a | f b" is f(b, a).
struct Expression {
  enum class Kind { kLiteral, kDot, kVariable, kField, kCall };
  Kind kind = Kind::kDot;
  Value literal;
  std::string name;                                   // variable, field or function
  std::vector<std::unique_ptr<Expression>> operands;  // kField: the base; kCall: the arguments
  std::size_t offset = 0;                             // in the text, for messages
};
using ExpressionPtr = std::unique_ptr<Expression>;

struct Node {
  enum class Kind { kText, kOutput, kIf, kWith, kRange };
  Kind kind = Kind::kText;
  std::string text;
  std::vector<std::string> variables;  // declared or assigned by the pipeline
  bool declares = false;               // ":=" rather than "="
  ExpressionPtr pipeline;
  std::vector<Node> body;
  std::vector<Node> otherwise;
};

// InvalidArgument with "line:column: ".
Result<std::vector<Node>> Parse(std::string_view text);

Status ErrorAt(std::string_view text, std::size_t offset, const std::string& what);

}  // namespace swarm::templates
