// swarm-bench: drives control sockets, alternating between targets round by round, so that what
// disturbs the machine disturbs all alike.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <functional>
#include <iostream>

#include "containers.h"
#include "engine_client/reactor.h"
#include "report.h"
#include "rpc/network.h"
#include "runtime/production.h"
#include "workloads.h"

namespace swarm::bench {
namespace {

using Workload = std::function<Result<double>(Network&, const TargetSpec&, const WorkloadOptions&)>;

struct Arguments {
  std::vector<std::string> targets;
  int rounds = 5;
  std::string json;
  // For containers: the engine's address, and how many at a time it is given by us.
  std::string engine;
  std::vector<int> lanes = {8, 32};
  WorkloadOptions options;
};

// One of those that take turns.
struct Contender {
  std::string name;
  std::function<Result<double>(const WorkloadOptions&)> round;
};

Result<std::vector<Contender>> Targets(Network& network, const Arguments& arguments,
                                       const Workload& workload) {
  std::vector<Contender> out;
  for (const auto& text : arguments.targets) {
    SWARM_ASSIGN_OR_RETURN(TargetSpec target, ParseTarget(text));
    out.push_back({target.name, [&network, target, workload](const WorkloadOptions& options) {
                     return workload(network, target, options);
                   }});
  }
  return out;
}

Result<Measurement> Compare(const std::vector<Contender>& contenders, const Arguments& arguments,
                            Measurement measurement) {
  for (const Contender& contender : contenders) measurement.series.push_back({contender.name, {}});
  for (int round = 0; round < arguments.rounds; ++round) {
    for (std::size_t c = 0; c < contenders.size(); ++c) {
      WorkloadOptions options = arguments.options;
      options.round_name = std::to_string(getpid()) + "-" + std::to_string(round);
      SWARM_ASSIGN_OR_RETURN(const double value, contenders[c].round(options));
      measurement.series[c].values.push_back(value);
      std::cerr << "round " << round + 1 << " " << contenders[c].name << ": " << value << " "
                << measurement.unit << "\n";
    }
  }
  return measurement;
}

Result<Measurement> Measure(Network& network, const Arguments& arguments, Measurement measurement,
                            const Workload& workload) {
  SWARM_ASSIGN_OR_RETURN(const auto contenders, Targets(network, arguments, workload));
  return Compare(contenders, arguments, std::move(measurement));
}

// The targets, and the engine itself, which is the floor.
Result<Measurement> MeasureContainers(Network& network, const Arguments& arguments,
                                      Measurement measurement) {
  const auto runtime = MakeRuntime();
  SWARM_ASSIGN_OR_RETURN(const auto reactor, engine::Reactor::Make(*runtime));
  engine::ClientOptions client_options;
  SWARM_ASSIGN_OR_RETURN(client_options.address, engine::ParseAddress(arguments.engine));
  SWARM_ASSIGN_OR_RETURN(const auto engine, reactor->NewClient(std::move(client_options)));
  const auto service = [&](Network& n, const TargetSpec& target, const WorkloadOptions& options) {
    return ServiceSeconds(n, target, *engine, options);
  };
  SWARM_ASSIGN_OR_RETURN(auto contenders, Targets(network, arguments, service));
  for (const int lanes : arguments.lanes) {
    contenders.push_back({"engine x" + std::to_string(lanes), [&, lanes](WorkloadOptions options) {
                            options.clients = lanes;
                            return EngineSeconds(*engine, options);
                          }});
  }
  return Compare(contenders, arguments, std::move(measurement));
}

int Report(const Arguments& arguments, const Result<Measurement>& measured) {
  if (!measured.ok()) {
    std::cerr << "Error: " << measured.status().message() << "\n";
    return 1;
  }
  std::cout << Table(*measured);
  if (!arguments.json.empty()) {
    std::ofstream out(arguments.json, std::ios::app);
    if (!(out << Json(*measured) << "\n")) {
      std::cerr << "Error: " << arguments.json << " cannot be written\n";
      return 1;
    }
  }
  return 0;
}

int Main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("Measures servers that speak the SwarmKit control protocol");
  app.require_subcommand(1);
  app.add_option("-t,--target", arguments.targets,
                 "NAME=/path/to.sock[,pid=N][,plaintext]; repeat to compare, the first is ours")
      ->required();
  app.add_option("-r,--rounds", arguments.rounds, "rounds; the median counts")
      ->check(CLI::Range(1, 1000));
  app.add_option("--json", arguments.json, "append the figures to this file, a line a measurement");
  app.add_option("--image", arguments.options.image, "image of the services");
  auto& options = arguments.options;
  app.add_option("--constraint", options.constraints,
                 "placement constraint of the services, such as node.labels.none==x, which keeps "
                 "their tasks from being run");
  const std::map<std::string, pb::TaskState> states = {{"new", pb::NEW},
                                                       {"pending", pb::PENDING},
                                                       {"assigned", pb::ASSIGNED},
                                                       {"running", pb::RUNNING}};
  auto* create = app.add_subcommand("create", "CreateService calls per second");
  create->add_option("-c,--clients", options.clients)->check(CLI::Range(1, 4096));
  create->add_option("-n,--count", options.count, "services a round")->check(CLI::PositiveNumber);
  create->add_option("--replicas", options.replicas);
  auto* tasks = app.add_subcommand("tasks", "tasks per second to a state, one service");
  auto* list = app.add_subcommand("list", "milliseconds of one ListTasks");
  auto* memory = app.add_subcommand("memory", "bytes of server memory a task");
  for (auto* sub : {tasks, list, memory}) {
    sub->add_option("-n,--count", options.count, "tasks")->check(CLI::PositiveNumber);
    sub->add_option("--state", options.state, "new, pending, assigned or running")
        ->transform(CLI::CheckedTransformer(states, CLI::ignore_case));
  }
  auto* containers = app.add_subcommand("containers", "seconds until real containers run");
  containers->add_option("-n,--count", options.count, "containers")->check(CLI::PositiveNumber);
  containers
      ->add_option("-c,--clients", arguments.lanes,
                   "containers at a time, for the engine itself; several numbers are compared")
      ->delimiter(',')
      ->check(CLI::Range(1, 4096));
  containers->add_option("--engine", arguments.engine, "address of the engine they run on")
      ->required();
  for (auto* sub : {create, tasks, list, memory, containers}) sub->fallthrough();
  CLI11_PARSE(app, argc, argv);

  auto network = rpc::MakeNetwork({});
  Measurement measurement;
  if (*create) {
    measurement.name = "create, " + std::to_string(options.clients) + " clients, " +
                       std::to_string(options.replicas) + " replicas";
    measurement.unit = "calls/s";
    return Report(arguments, Measure(*network, arguments, measurement, CreateRate));
  }
  const std::string suffix = ", " + std::to_string(options.count) + " tasks";
  if (*tasks) {
    measurement = {"tasks to " + pb::TaskState_Name(options.state) + suffix, "tasks/s", true, {}};
    return Report(arguments, Measure(*network, arguments, measurement, TaskRate));
  }
  if (*containers) {
    measurement = {"containers to RUNNING" + suffix, "s", false, {}};
    return Report(arguments, MeasureContainers(*network, arguments, measurement));
  }
  if (*list) {
    measurement = {"list" + suffix, "ms", false, {}};
    return Report(arguments, Measure(*network, arguments, measurement, ListMillis));
  }
  measurement = {"memory" + suffix, "bytes/task", false, {}};
  return Report(arguments, Measure(*network, arguments, measurement, BytesPerTask));
}

}  // namespace
}  // namespace swarm::bench

int main(int argc, char** argv) { return swarm::bench::Main(argc, argv); }
