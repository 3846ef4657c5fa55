// Cleaning up behind a test, however it ends: a program that outlives the test process, also when
// that is killed.
#pragma once

#include <string>
#include <vector>

namespace swarm::test {

class Guardian {
 public:
  // Starts `argv` (a path and its arguments), which begins its work at the end of its input: when
  // this object, or the process it is in, has ended.
  explicit Guardian(const std::vector<std::string>& argv);
  // Waits for the work to be done.
  ~Guardian();
  Guardian(const Guardian&) = delete;
  Guardian& operator=(const Guardian&) = delete;

 private:
  int life_ = -1;  // closing it tells the program
  int end_ = -1;   // ends with the program
};

}  // namespace swarm::test
