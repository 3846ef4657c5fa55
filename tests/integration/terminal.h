// A program on a terminal of its own, and what the terminal's screen shows.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

namespace swarm::test {

// Understands what swarmctl writes: text, carriage return, line feed, cursor up, erase line, erase
// what is below. Lines never scroll away.
class Screen {
 public:
  void Write(const std::string& bytes);
  // Without empty lines at the end.
  std::vector<std::string> Lines() const;

 private:
  void Put(char c);
  void Control(char final);
  std::string& Row();

  std::vector<std::string> rows_;
  std::size_t row_ = 0;
  std::size_t column_ = 0;
  bool in_escape_ = false;
  std::string parameters_;
};

class TerminalProgram {
 public:
  explicit TerminalProgram(const std::vector<std::string>& argv);
  ~TerminalProgram();
  TerminalProgram(const TerminalProgram&) = delete;
  TerminalProgram& operator=(const TerminalProgram&) = delete;

  // Reads until the screen has a line with `text` or the program ends; whether it has.
  bool AwaitLine(const std::string& text,
                 std::chrono::milliseconds limit = std::chrono::seconds(60));
  // Types.
  void Type(const std::string& keys);
  // Reads to the end; the exit code.
  int Wait(std::chrono::milliseconds limit = std::chrono::seconds(60));

  const Screen& screen() const { return screen_; }
  const std::string& bytes() const { return bytes_; }  // everything it wrote

 private:
  bool Read(std::chrono::steady_clock::time_point limit);

  int terminal_ = -1;
  pid_t pid_ = -1;
  Screen screen_;
  std::string bytes_;
};

}  // namespace swarm::test
