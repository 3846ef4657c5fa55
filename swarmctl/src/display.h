// What is going on, shown while it goes on: on a terminal as a block that is drawn again in place,
// elsewhere as a line for every change.
#pragma once

#include <string>
#include <vector>

#include "convergence.h"

namespace swarm::ctl {

// Makes the text to write to the terminal or file. Threading: one thread.
class Display {
 public:
  // `columns`: of the terminal; 0: it is none.
  Display(std::string title, int columns) : title_(std::move(title)), columns_(columns) {}

  std::string Show(const Progress& progress);
  // In place of the progress, something else that is going on.
  std::string Note(const std::string& text);

 private:
  std::string Draw(const std::vector<std::string>& lines);

  const std::string title_;
  const int columns_;
  std::vector<std::string> block_;  // on the terminal
  std::string last_;                // line elsewhere
};

}  // namespace swarm::ctl
