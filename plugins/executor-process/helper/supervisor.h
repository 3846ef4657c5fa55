// The background half of swarm-task: one process, its probes, its output, its end.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "command.h"
#include "health.h"
#include "identity.h"
#include "output.h"
#include "plan.h"
#include "system.h"

namespace swarm::executor_process {

class Supervisor {
 public:
  Supervisor(Plan plan, std::string folder);

  // Starts the command. Why it could not, which is then also in FOLDER/error; or nothing.
  std::string Start();
  // Returns once everything of the task has ended and FOLDER/exit says how.
  void Run();

 private:
  struct Pipe {
    Descriptor end;  // for reading
    OutputStream stream;
  };
  // A probe under way.
  struct Probe {
    pid_t pid = 0;
    std::int64_t begun = 0;
    Descriptor output;
    std::string text;
    bool timed_out = false;
  };

  std::string Launch();
  std::string MakePipes(Streams* streams, std::vector<Descriptor>* child_ends);
  bool WriteRecord();
  void ReserveExit();
  void WaitForEvents();
  int Timeout() const;
  void ReadPipe(Pipe& pipe);
  void Reap();
  void OnClock();
  void BeginProbe();
  void EndProbe(int status);
  void TellHealth(const std::string& text);
  void EndStragglers();
  void TellExit();

  Plan plan_;
  const std::string folder_;
  Identity identity_;
  OutputLog log_;
  Pipe output_{Descriptor(), {"stdout", ""}};
  Pipe errors_{Descriptor(), {"stderr", ""}};
  Descriptor input_;     // kept open for a command that reads it
  Descriptor children_;  // tells of ended ones
  std::string score_;    // oom_score_adj for what is started
  pid_t command_ = 0;
  bool ended_ = false;
  int status_ = 0;
  std::vector<Descriptor> namespaces_;
  std::optional<Health> health_;
  std::optional<Probe> probe_;
};

}  // namespace swarm::executor_process
