#include "supervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "groups.h"
#include "proc_stat.h"

namespace swarm::executor_process {

Supervisor::Supervisor(Plan plan, std::string folder)
    : plan_(std::move(plan)),
      folder_(std::move(folder)),
      log_(folder_ + "/log", static_cast<std::uint64_t>(plan_.output_size),
           static_cast<int>(plan_.output_files)) {}

std::string Supervisor::Start() {
  setsid();
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  // Signals meant for the task go to its own process; this one only waits.
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGUSR1, SIGUSR2, SIGQUIT}) {
    signal(number, SIG_IGN);
  }
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  sigprocmask(SIG_BLOCK, &child, nullptr);
  children_.Reset(signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
  for (const std::string& note : plan_.notes) log_.Note(note);
  std::string failure = children_ ? Launch() : WithErrno("cannot wait for processes");
  // Whoever could read them has them.
  for (PlanFile& file : plan_.files) explicit_bzero(file.data.data(), file.data.size());
  if (failure.empty()) return failure;
  if (command_ > 0) {
    kill(-command_, SIGKILL);
    kill(command_, SIGKILL);
    EndStragglers();
  }
  RemoveGroups(plan_.control_groups);
  WriteAtomically(folder_ + "/error", failure, true);
  return failure;
}

std::string Supervisor::MakePipes(Streams* streams, std::vector<Descriptor>* child_ends) {
  const auto make = [&](Descriptor* ours, bool we_read) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return -1;
    ours->Reset(we_read ? ends[0] : ends[1]);
    child_ends->emplace_back(we_read ? ends[1] : ends[0]);
    if (we_read) fcntl(ours->get(), F_SETFL, O_NONBLOCK);
    return child_ends->back().get();
  };
  if (plan_.open_stdin && (streams->input = make(&input_, false)) < 0) {
    return WithErrno("cannot make a pipe");
  }
  if (!plan_.keep_output) {
    child_ends->emplace_back(open("/dev/null", O_WRONLY | O_CLOEXEC));
    streams->output = streams->errors = child_ends->back().get();
    return {};
  }
  streams->output = make(&output_.end, true);
  streams->errors = make(&errors_.end, true);
  return streams->output < 0 || streams->errors < 0 ? WithErrno("cannot make a pipe") : "";
}

// The record is durable before the command is executed: so whatever stops in between, no task is
// ever begun twice.
std::string Supervisor::Launch() {
  if (std::string why = FindIdentity(plan_.user, plan_.groups, &identity_); !why.empty()) {
    return why;
  }
  std::vector<std::string> notes;
  if (std::string why = MakeGroups(plan_.control_groups, &notes); !why.empty()) return why;
  for (const std::string& note : notes) log_.Note(note);
  // The task's processes are killed for want of memory before their supervisor is.
  score_ = plan_.oom_score_adjustment != 0 ? std::to_string(plan_.oom_score_adjustment)
                                           : ReadProcFile("/proc/self/oom_score_adj");
  WriteFile("/proc/self/oom_score_adj", "-999");
  Streams streams;
  std::vector<Descriptor> child_ends;
  if (std::string why = MakePipes(&streams, &child_ends); !why.empty()) return why;
  int go[2];
  int report[2];
  if (pipe2(go, O_CLOEXEC) != 0 || pipe2(report, O_CLOEXEC) != 0) {
    return WithErrno("cannot make a pipe");
  }
  const Descriptor go_read(go[0]);
  Descriptor go_write(go[1]);
  const Descriptor report_read(report[0]);
  Descriptor report_write(report[1]);
  const pid_t child = fork();
  if (child < 0) return WithErrno("cannot fork");
  if (child == 0) {
    go_write.Reset();
    RunCommand({plan_, folder_, identity_, score_}, streams, go[0], report[1]);
  }
  command_ = child;
  report_write.Reset();
  child_ends.clear();
  if (!WriteRecord()) return WithErrno("cannot write to " + folder_);
  if (!WriteAll(go_write.get(), "!")) return WithErrno("cannot start the process");
  if (std::string why = ReadAll(report_read.get()); !why.empty()) return why;
  namespaces_ = OpenNamespaces(plan_, command_);
  if (!plan_.health.command.empty()) {
    health_.emplace(plan_.health, SteadyNanos());
    TellHealth("");
  }
  ReserveExit();
  return {};
}

bool Supervisor::WriteRecord() {
  const pid_t self = getpid();
  const std::string record = BootId() + " " + std::to_string(self) + " " +
                             std::to_string(StartTimeOf(self)) + " " + std::to_string(command_) +
                             " " + std::to_string(StartTimeOf(command_)) + "\n";
  return WriteAtomically(folder_ + "/pid", record, true);
}

// So that the status can be written when the disk is full.
void Supervisor::ReserveExit() {
  const Descriptor file(
      open((folder_ + "/exit.new").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (file) (void)WriteAll(file.get(), std::string(64, ' '));
}

void Supervisor::Run() {
  while (!ended_) {
    WaitForEvents();
    Reap();
    OnClock();
  }
  if (probe_) kill(-probe_->pid, SIGKILL);
  EndStragglers();
  namespaces_.clear();
  for (Pipe* pipe : {&output_, &errors_}) {
    ReadPipe(*pipe);
    log_.End(pipe->stream);
  }
  TellExit();
}

int Supervisor::Timeout() const {
  if (!health_) return -1;
  if (probe_ && probe_->timed_out) return -1;
  const std::int64_t due = probe_ ? probe_->begun + plan_.health.timeout : health_->next();
  const std::int64_t left = (due - SteadyNanos() + 999'999) / 1'000'000;
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 1'000'000'000));
}

void Supervisor::WaitForEvents() {
  pollfd descriptors[] = {{children_.get(), POLLIN, 0},
                          {output_.end.get(), POLLIN, 0},
                          {errors_.end.get(), POLLIN, 0},
                          {probe_ ? probe_->output.get() : -1, POLLIN, 0}};
  if (poll(descriptors, 4, Timeout()) <= 0) return;
  if (descriptors[0].revents != 0) {
    signalfd_siginfo info{};
    while (read(children_.get(), &info, sizeof info) > 0) {
    }
  }
  if (descriptors[1].revents != 0) ReadPipe(output_);
  if (descriptors[2].revents != 0) ReadPipe(errors_);
  if (descriptors[3].revents == 0) return;
  char buffer[4096];
  const ssize_t size = read(probe_->output.get(), buffer, sizeof buffer);
  if (size > 0) {
    probe_->text.append(buffer, static_cast<std::size_t>(size));
    // As much as an engine keeps; the rest is only taken.
    probe_->text.resize(std::min<std::size_t>(probe_->text.size(), 4096));
  } else if (size == 0 || errno != EAGAIN) {
    probe_->output.Reset();
  }
}

void Supervisor::ReadPipe(Pipe& pipe) {
  // At most so much at a time: a flood on one stream does not starve the rest.
  for (int round = 0; pipe.end && (ended_ || round < 4); ++round) {
    char buffer[16384];
    const ssize_t size = read(pipe.end.get(), buffer, sizeof buffer);
    if (size > 0) {
      log_.Add(pipe.stream, {buffer, static_cast<std::size_t>(size)});
    } else if (size == 0 || (errno != EAGAIN && errno != EINTR)) {
      pipe.end.Reset();
    } else {
      return;
    }
  }
}

void Supervisor::Reap() {
  // Its group is killed while its remains still hold the number.
  siginfo_t info{};
  if (waitid(P_PID, static_cast<id_t>(command_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
      info.si_pid == command_) {
    kill(-command_, SIGKILL);
  }
  int status = 0;
  for (pid_t ended = 0; (ended = waitpid(-1, &status, WNOHANG)) > 0;) {
    if (ended == command_) {
      status_ = status;
      ended_ = true;
    } else if (probe_ && ended == probe_->pid) {
      EndProbe(status);
    }
  }
}

void Supervisor::OnClock() {
  if (!health_ || ended_) return;
  const std::int64_t now = SteadyNanos();
  if (!probe_ && now >= health_->next()) return BeginProbe();
  if (probe_ && !probe_->timed_out && now >= probe_->begun + plan_.health.timeout) {
    probe_->timed_out = true;
    kill(-probe_->pid, SIGKILL);
    kill(probe_->pid, SIGKILL);
  }
}

void Supervisor::BeginProbe() {
  Probe probe;
  probe.begun = SteadyNanos();
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) == 0) {
    probe.output.Reset(ends[0]);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    const Descriptor write_end(ends[1]);
    probe.pid = fork();
    if (probe.pid == 0) {
      RunProbe({plan_, folder_, identity_, score_}, ends[1], namespaces_);
    }
  }
  probe_ = std::move(probe);
  if (probe_->pid > 0) return;
  probe_->text = WithErrno("cannot run the health check");
  probe_->output.Reset();
  EndProbe(1 << 8);
}

void Supervisor::EndProbe(int status) {
  Probe probe = std::move(*probe_);
  probe_.reset();
  if (probe.output && probe.text.size() < 4096) {
    char buffer[4096];
    const ssize_t size = read(probe.output.get(), buffer, sizeof buffer - probe.text.size());
    if (size > 0) probe.text.append(buffer, static_cast<std::size_t>(size));
  }
  const bool good = !probe.timed_out && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  const bool changed = health_->OnResult(good, probe.begun, SteadyNanos());
  if (!changed) return;
  std::string text =
      "exit code " +
      std::to_string(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status)) + ": " +
      probe.text;
  if (probe.timed_out) {
    text = "no answer within " + std::to_string(plan_.health.timeout / 1'000'000) + " ms";
  }
  TellHealth(good ? probe.text : text);
}

void Supervisor::TellHealth(const std::string& text) {
  // Not durable: after a crash of the machine nobody asks.
  WriteAtomically(folder_ + "/health", std::string(NameOf(health_->state())) + "\n" + text, false);
}

// What the command left behind goes with it, as in a container whose first process has ended.
void Supervisor::EndStragglers() {
  KillGroups(plan_.control_groups);
  for (;;) {
    const std::string children =
        ReadProcFile("/proc/self/task/" + std::to_string(getpid()) + "/children");
    const char* at = children.c_str();
    for (char* end = nullptr;; at = end) {
      const long pid = strtol(at, &end, 10);
      if (end == at || pid <= 0) break;
      kill(static_cast<pid_t>(pid), SIGKILL);
    }
    if (waitpid(-1, nullptr, 0) < 0 && errno == ECHILD) return;
  }
}

void Supervisor::TellExit() {
  std::string outcome = WIFSIGNALED(status_) ? "signal " + std::to_string(WTERMSIG(status_))
                                             : "exit " + std::to_string(WEXITSTATUS(status_));
  if (CountOomKills(plan_.oom_events) > 0) outcome += " oom";
  RemoveGroups(plan_.control_groups);
  // A full disk may pass: nobody else knows the status.
  while (!WriteAtomically(folder_ + "/exit", outcome + "\n", true)) {
    if (access(folder_.c_str(), F_OK) != 0) return;
    sleep(1);
  }
}

}  // namespace swarm::executor_process
