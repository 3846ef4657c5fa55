// Text in columns, as Go's tabwriter lays it out: cells end in a tab; the cells of a column in
// neighbouring lines are padded to the widest, a line's last cell is not part of a column.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace swarm::ctl {

class Table {
 public:
  Table(std::size_t least_width, std::size_t padding)
      : least_width_(least_width), padding_(padding) {}

  // One line; cells separated by tabs.
  void Line(std::string_view line);
  // A header and dashes as long as each title.
  void Header(const std::vector<std::string>& titles);
  // Joined by tabs.
  void Row(const std::vector<std::string>& cells);
  std::string Text() const;

 private:
  const std::size_t least_width_;
  const std::size_t padding_;
  std::vector<std::vector<std::string>> lines_;
};

// Of lists, of summaries (inspect), of tasks inside summaries.
inline Table ListTable() { return {0, 2}; }
inline Table SummaryTable() { return {8, 8}; }
inline Table InnerTable() { return {4, 4}; }

}  // namespace swarm::ctl
