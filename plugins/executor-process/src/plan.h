// What swarm-task is to do for one task, as the executor hands it over: through a descriptor in
// memory, so that neither environment nor secrets are on disk or on a command line. Plain POSIX,
// shared with the helper program.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace swarm::executor_process {

// One control group, made for the task; the process enters it.
struct PlanGroup {
  struct File {
    std::string name;
    std::string value;
    bool required = true;  // otherwise its absence is only noted in the task's output
  };
  std::string folder;
  std::vector<File> files;
};

struct PlanMount {
  enum class Kind : std::int64_t { kBind, kVolume, kTmpfs };
  enum class Propagation : std::int64_t { kPrivate, kSlave, kShared };
  Kind kind = Kind::kBind;
  std::string source;  // a volume's is its folder, made if absent
  std::string target;
  bool read_only = false;
  bool recursive = true;            // with what is mounted below the source
  bool read_only_recursive = true;  // ... which is read-only too
  bool create_source = false;
  Propagation propagation = Propagation::kPrivate;
  bool propagation_recursive = true;
  bool executable = false;  // tmpfs
  std::string options;      // tmpfs: "size=...,mode=..."
};

// A secret or a config.
struct PlanFile {
  std::string target;  // absolute
  std::int64_t user = 0;
  std::int64_t group = 0;
  std::int64_t mode = 0;
  std::string data;
};

struct PlanLimit {
  std::int64_t resource = 0;  // RLIMIT_...
  std::int64_t soft = 0;      // -1: none
  std::int64_t hard = 0;
  std::string name;
};

// Durations in nanoseconds.
struct PlanHealth {
  std::vector<std::string> command;  // empty: health is not checked
  std::int64_t interval = 0;
  std::int64_t timeout = 0;
  std::int64_t retries = 0;
  std::int64_t start_period = 0;
  std::int64_t start_interval = 0;
};

struct Plan {
  std::vector<std::string> command;
  std::vector<std::string> environment;
  std::string directory;  // empty: the task's own
  std::string user;       // empty: the executor's
  std::vector<std::string> groups;
  bool restrict_capabilities = false;
  std::uint64_t capabilities = 0;  // bits; what the process may have at most
  bool no_new_privileges = false;
  std::vector<PlanLimit> limits;
  std::int64_t oom_score_adjustment = 0;
  std::string hostname;  // empty: the machine's
  bool read_only = false;
  bool open_stdin = false;
  std::vector<PlanMount> mounts;
  std::vector<PlanFile> files;
  std::vector<PlanGroup> control_groups;
  std::string oom_events;  // file with a line "oom_kill N"; empty: none
  bool keep_output = true;
  std::int64_t output_size = 0;    // of one file
  std::int64_t output_files = 0;   // how many
  std::vector<std::string> notes;  // for the task's output
  PlanHealth health;

  // Whether the process needs a mount namespace of its own.
  bool private_mounts() const { return !mounts.empty() || !files.empty() || read_only; }
};

std::string EncodePlan(const Plan& plan);
// Nothing when the text is not one whole plan.
std::optional<Plan> DecodePlan(std::string_view text);

}  // namespace swarm::executor_process
