#include "terminal.h"

#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

namespace swarm::test {

std::string& Screen::Row() {
  if (rows_.size() <= row_) rows_.resize(row_ + 1);
  return rows_[row_];
}

void Screen::Put(char c) {
  std::string& row = Row();
  if (row.size() <= column_) row.resize(column_ + 1, ' ');
  row[column_++] = c;
}

void Screen::Control(char final) {
  const std::size_t count = parameters_.empty() ? 1 : std::stoul(parameters_);
  if (final == 'A') row_ -= std::min(row_, count);
  if (final == 'K') Row().resize(std::min(Row().size(), column_));
  if (final == 'J') {
    Row().resize(std::min(Row().size(), column_));
    rows_.resize(row_ + 1);
  }
}

void Screen::Write(const std::string& bytes) {
  for (const char c : bytes) {
    if (in_escape_) {
      if (c == '[' && parameters_.empty()) continue;
      if (c >= '0' && c <= '9') {
        parameters_ += c;
        continue;
      }
      in_escape_ = false;
      Control(c);
    } else if (c == '\x1b') {
      in_escape_ = true;
      parameters_.clear();
    } else if (c == '\r') {
      column_ = 0;
    } else if (c == '\n') {
      ++row_;
    } else {
      Put(c);
    }
  }
}

std::vector<std::string> Screen::Lines() const {
  auto out = rows_;
  while (!out.empty() && out.back().empty()) out.pop_back();
  return out;
}

TerminalProgram::TerminalProgram(const std::vector<std::string>& argv) {
  const winsize size{24, 80, 0, 0};
  std::vector<char*> arguments;
  for (const auto& a : argv) arguments.push_back(const_cast<char*>(a.c_str()));
  arguments.push_back(nullptr);
  pid_ = forkpty(&terminal_, nullptr, nullptr, &size);
  if (pid_ < 0) throw std::runtime_error("no terminal");
  if (pid_ == 0) {
    execv(arguments[0], arguments.data());
    _exit(127);
  }
}

TerminalProgram::~TerminalProgram() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  close(terminal_);
}

bool TerminalProgram::Read(std::chrono::steady_clock::time_point limit) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(limit - std::chrono::steady_clock::now());
  if (left.count() <= 0) return false;
  pollfd wait{terminal_, POLLIN, 0};
  if (poll(&wait, 1, static_cast<int>(left.count())) <= 0) return false;
  char part[4096];
  const ssize_t size = read(terminal_, part, sizeof part);
  if (size <= 0) return false;  // EIO: the program has ended
  bytes_.append(part, static_cast<std::size_t>(size));
  screen_.Write(std::string(part, static_cast<std::size_t>(size)));
  return true;
}

bool TerminalProgram::AwaitLine(const std::string& text, std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  const auto shown = [this, &text] {
    const auto lines = screen_.Lines();
    return std::any_of(lines.begin(), lines.end(), [&text](const std::string& line) {
      return line.find(text) != std::string::npos;
    });
  };
  while (!shown()) {
    if (!Read(end)) return shown();
  }
  return true;
}

void TerminalProgram::Type(const std::string& keys) {
  [[maybe_unused]] const ssize_t written = write(terminal_, keys.data(), keys.size());
}

int TerminalProgram::Wait(std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (Read(end)) {
  }
  if (std::chrono::steady_clock::now() >= end) return -1;
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace swarm::test
