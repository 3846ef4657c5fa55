// Expands the placeholders that service authors write into environment variables, host names,
// mounts and payloads, such as "{{.Service.Name}}-{{.Task.Slot}}".
//
// The language is Go's text/template as far as these texts use it: fields, variables, pipelines,
// parentheses, if/else, with, range (maps in order of their keys), comments, trim markers, and the
// functions index, len, and, or, not, eq, ne, lt, le, gt, ge, print, println, join, and in payloads
// secret, config and env. An unknown field, function or key is an error. Left out: printf, html,
// js, urlquery, call, slice, and templates that define others.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "swarm/status.h"
#include "swarmkit/v1/objects.pb.h"

namespace swarm::templates {

namespace pb = ::docker::swarmkit::v1;

// What a text may refer to.
struct Context {
  struct Service {
    std::string id;
    std::string name;
    std::map<std::string, std::string> labels;
  } service;
  struct Node {
    std::string id;
    std::string hostname;
    std::string architecture;
    std::string os;
  } node;
  struct Task {
    std::string id;
    std::string name;
    std::string slot;  // the node's id for tasks without a slot
  } task;

  // Functions of payloads; an empty one is unknown to the text.
  using Lookup = std::function<Result<std::string>(std::string_view name)>;
  Lookup secret;
  Lookup config;
  Lookup env;
};

// Threading: [any]. InvalidArgument names line and column, and what is wrong. Work and output are
// bounded (ResourceExhausted), so a text from anywhere may be expanded.
Result<std::string> Expand(std::string_view text, const Context& context);

// The context of a task on a node; `description` may be null.
Context ContextOf(const pb::Task& task, const pb::NodeDescription* description);

// The values of env (after the first "="), the hostname, and each mount's source, target, volume
// labels and driver options. Errors begin with "expanding env failed" and so on.
Status ExpandContainer(const Context& context, pb::ContainerSpec* spec);

}  // namespace swarm::templates
