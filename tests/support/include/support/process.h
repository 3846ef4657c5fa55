// Real processes under test: start, wait for, end; never by name, and never left behind.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace swarm::test {

using namespace std::chrono_literals;

// Checks `condition` again and again until it holds or `limit` has passed; whether it holds.
bool Eventually(const std::function<bool()>& condition, std::chrono::milliseconds limit = 30s);

struct Finished {
  int code = -1;  // exit code, or 128 + signal
  std::string out;
  std::string err;
};

// Runs to the end, at most a minute.
Finished Execute(const std::vector<std::string>& argv,
                 const std::map<std::string, std::string>& environment = {});

// A program in the background; killed when destroyed.
class Process {
 public:
  // Output of both kinds goes to the file `log`.
  Process(const std::vector<std::string>& argv, const std::string& log,
          const std::map<std::string, std::string>& environment = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  void Signal(int number);
  // The exit code (128 + signal when killed), or -1 when it still runs after `limit`.
  int Wait(std::chrono::milliseconds limit = 20s);
  bool running();

 private:
  pid_t pid_ = -1;
  int code_ = -1;
};

// A fresh folder under the system's temporary folder, removed when destroyed.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

std::string ReadText(const std::string& path);
void WriteText(const std::string& path, const std::string& text);

// Where the build under test is: its bin/ and plugins/.
std::string BuildDirectory();
std::string SourceDirectory();

}  // namespace swarm::test
