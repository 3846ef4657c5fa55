#include "docker_rig.h"

#include <iterator>
#include <sstream>

namespace swarm::test {

std::vector<TaskRow> Tasks(Manager& manager, const std::string& service) {
  std::vector<TaskRow> rows;
  std::istringstream lines(manager.Ctl({"task", "ls", "--all"}).out);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    const std::vector<std::string> f{std::istream_iterator<std::string>(words), {}};
    if (f.size() < 4 || f[0].size() != 25) continue;
    if (!service.empty() && f[1].substr(0, f[1].rfind('.')) != service) continue;
    rows.push_back({f[0], f[2], f[3]});
  }
  return rows;
}

std::string TaskField(Manager& manager, const std::string& task, const std::string& word) {
  std::istringstream lines(manager.Ctl({"task", "inspect", task}).out);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t begin = line.find_first_not_of(' ');
    if (begin == std::string::npos || !line.substr(begin).starts_with(word)) continue;
    const std::size_t colon = line.find(" : ");
    if (colon != std::string::npos) return line.substr(colon + 3);
  }
  return "";
}

DockerRig::DockerRig(const std::vector<std::string>& engine_arguments) {
  EXPECT_TRUE(engine.Start(engine_arguments)) << engine.log();
}

std::string DockerRig::Yaml() const {
  return "plugins:\n  path: [" + BuildDirectory() +
         "/plugins]\n"
         "  consensus: {use: standalone}\n  store: {use: store}\n  proxy: {use: proxy-direct}\n"
         "  executor:\n    - {use: docker, default: true, engine: \"" +
         engine.address() + "\", pull: missing, payload_dir: \"" + engine.folder() +
         "/payload\", reconnect_maximum: 1s, call_timeout: 5s}\n";
}

std::set<std::string> DockerRig::Running(const std::string& service) {
  std::set<std::string> ids;
  for (const auto& container : engine.Containers({"com.docker.swarm.service.name=" + service})) {
    if (container["State"] == "running") ids.insert(container["Id"]);
  }
  return ids;
}

std::set<std::string> DockerRig::Doubled() {
  std::set<std::string> seen, doubled;
  for (const auto& container : engine.Containers({"com.docker.swarm.task.id"})) {
    const std::string task = container["Labels"]["com.docker.swarm.task.id"];
    if (!seen.insert(task).second) doubled.insert(task);
  }
  return doubled;
}

std::vector<std::string> CreateService(const std::string& name, int replicas,
                                       const std::vector<std::string>& more) {
  std::vector<std::string> out = {
      "service",         "create",         "--name",     name,
      "--image",         "busybox:latest", "--replicas", std::to_string(replicas),
      "--restart-delay", "100ms"};
  out.insert(out.end(), more.begin(), more.end());
  if (more.empty()) out.insert(out.end(), {"--args", "serve"});
  return out;
}

}  // namespace swarm::test
