#include "groups.h"

#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "proc_stat.h"
#include "system.h"

namespace swarm::executor_process {

std::string MakeGroups(const std::vector<PlanGroup>& groups, std::vector<std::string>* notes) {
  for (const PlanGroup& group : groups) {
    if (!MakeFolders(group.folder, 0755)) return WithErrno("cannot make " + group.folder);
    for (const PlanGroup::File& file : group.files) {
      if (WriteFile(group.folder + "/" + file.name, file.value)) continue;
      const std::string why =
          WithErrno("cannot set " + file.name + " of " + group.folder + " to " + file.value);
      if (file.required) return why;
      notes->push_back(why);
    }
  }
  return {};
}

std::string EnterGroups(const std::vector<PlanGroup>& groups) {
  for (const PlanGroup& group : groups) {
    if (!WriteFile(group.folder + "/cgroup.procs", "0")) {
      return WithErrno("cannot enter " + group.folder);
    }
  }
  return {};
}

void KillGroups(const std::vector<PlanGroup>& groups) {
  for (const PlanGroup& group : groups) {
    if (WriteFile(group.folder + "/cgroup.kill", "1")) continue;
    // Until one look finds none: a process may fork while the list is read.
    for (int round = 0; round < 50; ++round) {
      const std::string list = ReadProcFile(group.folder + "/cgroup.procs");
      const char* at = list.c_str();
      bool any = false;
      for (char* end = nullptr;; at = end) {
        const long pid = std::strtol(at, &end, 10);
        if (end == at || pid <= 1) break;
        any = kill(static_cast<pid_t>(pid), SIGKILL) == 0 || any;
      }
      if (!any) break;
    }
  }
}

void RemoveGroups(const std::vector<PlanGroup>& groups) {
  constexpr timespec kPause{0, 10'000'000};
  for (const PlanGroup& group : groups) {
    for (int round = 0; round < 100; ++round) {
      if (rmdir(group.folder.c_str()) == 0 || errno != EBUSY) break;
      nanosleep(&kPause, nullptr);
    }
  }
}

long CountOomKills(const std::string& file) {
  const std::string text = file.empty() ? "" : ReadProcFile(file);
  constexpr const char* kKey = "oom_kill ";
  for (std::size_t at = text.find(kKey); at != std::string::npos; at = text.find(kKey, at + 1)) {
    if (at == 0 || text[at - 1] == '\n') {
      return std::strtol(text.c_str() + at + std::strlen(kKey), nullptr, 10);
    }
  }
  return 0;
}

}  // namespace swarm::executor_process
