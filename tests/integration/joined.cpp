#include "joined.h"

#include <iterator>
#include <sstream>
#include <vector>

namespace swarm::test {

std::string JoinToken(Manager& manager, const std::string& role) {
  std::istringstream lines(manager.Ctl({"cluster", "inspect", "default"}).out);
  for (std::string line; std::getline(lines, line);) {
    const bool about = line.find(role == "worker" ? "Worker" : "Manager") != std::string::npos;
    const std::size_t token = line.find("SWMTKN-");
    if (about && token != std::string::npos) return line.substr(token);
  }
  return "";
}

std::string NodeField(Manager& manager, const std::string& node, const std::string& word) {
  std::istringstream lines(manager.Ctl({"node", "inspect", node}).out);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t begin = line.find_first_not_of(' ');
    if (begin == std::string::npos || !line.substr(begin).starts_with(word)) continue;
    const std::size_t colon = line.find(": ");
    if (colon != std::string::npos) return line.substr(colon + 2);
  }
  return "";
}

bool NodeIs(Manager& manager, const std::string& node, const std::string& state,
            std::chrono::milliseconds limit) {
  return Eventually([&] { return NodeField(manager, node, "State") == state; }, limit);
}

int RunningOn(Manager& manager, const std::string& node) {
  std::istringstream lines(manager.Ctl({"node", "ps", node}).out);
  int running = 0;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    const std::vector<std::string> fields{std::istream_iterator<std::string>(words), {}};
    running += fields.size() > 3 && fields[3] == "RUNNING";
  }
  return running;
}

void RemoveServices(Manager& manager) {
  std::istringstream ids(manager.Ctl({"service", "ls", "-q"}).out);
  for (std::string id; ids >> id;) manager.Ctl({"service", "remove", id});
  Eventually([&] { return manager.Ctl({"task", "ls", "--all", "-q"}).out.empty(); });
}

}  // namespace swarm::test
