#include "table.h"

#include <algorithm>

namespace swarm::ctl {
namespace {

std::size_t Width(std::string_view cell) {
  return static_cast<std::size_t>(
      std::count_if(cell.begin(), cell.end(), [](unsigned char c) { return (c & 0xc0) != 0x80; }));
}

using Lines = std::vector<std::vector<std::string>>;

// Lays out lines [first, limit), whose columns before widths.size() are done.
class Layout {
 public:
  Layout(const Lines& lines, std::size_t least, std::size_t padding)
      : lines_(lines), least_(least), padding_(padding) {}

  std::string Text() {
    Format(0, lines_.size());
    return std::move(out_);
  }

 private:
  void Format(std::size_t first, std::size_t limit) {
    const std::size_t column = widths_.size();
    std::size_t next = first;
    for (std::size_t at = first; at < limit; ++at) {
      if (column + 1 >= lines_[at].size()) continue;
      Write(next, at);
      std::size_t end = at;
      std::size_t width = least_;
      for (; end < limit && column + 1 < lines_[end].size(); ++end) {
        width = std::max(width, Width(lines_[end][column]) + padding_);
      }
      widths_.push_back(width);
      Format(at, end);
      widths_.pop_back();
      next = end;
      at = end - 1;
    }
    Write(next, limit);
  }

  void Write(std::size_t first, std::size_t limit) {
    for (; first < limit; ++first) {
      const auto& cells = lines_[first];
      for (std::size_t i = 0; i < cells.size(); ++i) {
        out_ += cells[i];
        if (i < widths_.size() && i + 1 < cells.size()) {
          out_.append(widths_[i] - Width(cells[i]), ' ');
        }
      }
      out_ += '\n';
    }
  }

  const Lines& lines_;
  const std::size_t least_;
  const std::size_t padding_;
  std::vector<std::size_t> widths_;
  std::string out_;
};

}  // namespace

void Table::Line(std::string_view line) {
  std::vector<std::string> cells;
  for (;;) {
    const auto tab = line.find('\t');
    cells.emplace_back(line.substr(0, tab));
    if (tab == std::string_view::npos) break;
    line.remove_prefix(tab + 1);
  }
  lines_.push_back(std::move(cells));
}

void Table::Header(const std::vector<std::string>& titles) {
  Row(titles);
  std::vector<std::string> dashes;
  for (const std::string& title : titles) dashes.emplace_back(title.size(), '-');
  Row(dashes);
}

void Table::Row(const std::vector<std::string>& cells) { lines_.push_back(cells); }

std::string Table::Text() const { return Layout(lines_, least_width_, padding_).Text(); }

}  // namespace swarm::ctl
