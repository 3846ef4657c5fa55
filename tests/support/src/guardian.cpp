#include "support/guardian.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>

namespace swarm::test {

Guardian::Guardian(const std::vector<std::string>& argv) {
  int life[2];
  int end[2];
  if (pipe2(life, O_CLOEXEC) != 0 || pipe2(end, O_CLOEXEC) != 0)
    throw std::runtime_error("no pipe for " + argv[0]);
  life_ = life[1];
  end_ = end[0];
  std::vector<char*> arguments;
  for (const std::string& argument : argv) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    // A grandchild in a session of its own, so that what kills the test does not reach it.
    setsid();
    if (fork() != 0) _exit(0);
    dup2(life[0], 0);
    dup2(end[1], 1);
    execv(arguments[0], arguments.data());
    _exit(127);
  }
  waitpid(child, nullptr, 0);
  close(life[0]);
  close(end[1]);
}

Guardian::~Guardian() {
  close(life_);
  char byte = 0;
  const ssize_t ended = read(end_, &byte, 1);
  static_cast<void>(ended);
  close(end_);
}

}  // namespace swarm::test
