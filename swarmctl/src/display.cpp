#include "display.h"

#include <algorithm>

#include "words.h"

namespace swarm::ctl {
namespace {

constexpr std::size_t kBarWidth = 30;
constexpr std::size_t kStateWidth = 12;
constexpr std::size_t kMostTroubles = 5;

std::string Bar(const std::string& name, std::uint64_t count, std::uint64_t total) {
  const std::uint64_t whole = std::max<std::uint64_t>(total, 1);
  // What there is of something shows.
  std::size_t filled = std::min(kBarWidth, static_cast<std::size_t>(count * kBarWidth / whole));
  if (count > 0) filled = std::max<std::size_t>(filled, 1);
  std::string label = name;
  label.resize(std::max(kStateWidth, label.size()), ' ');
  return "  " + label + "[" + std::string(filled, '#') + std::string(kBarWidth - filled, '.') +
         "] " + std::to_string(count);
}

// Cut so that it takes one line of the terminal; no byte sequences that control it.
std::string Fit(const std::string& line, int columns) {
  std::string out;
  int width = 0;
  for (const char c : line) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xc0) != 0x80 && ++width >= columns) break;
    out += byte < 0x20 || byte == 0x7f ? ' ' : c;
  }
  return out;
}

}  // namespace

std::string Display::Draw(const std::vector<std::string>& lines) {
  if (lines == block_) return "";
  std::string out;
  if (!block_.empty()) out += "\x1b[" + std::to_string(block_.size()) + "A";
  for (const std::string& line : lines) out += "\r\x1b[K" + Fit(line, columns_) + "\n";
  // What the block was longer before.
  if (block_.size() > lines.size()) out += "\x1b[J";
  block_ = lines;
  return out;
}

std::string Display::Show(const Progress& progress) {
  const std::string summary = title_ + ": " + ProgressText(progress);
  if (columns_ == 0) {
    std::string line = summary;
    if (!progress.troubles.empty()) line += " (" + progress.troubles.front() + ")";
    if (line == last_) return "";
    last_ = line;
    return line + "\n";
  }
  std::vector<std::string> lines{summary};
  const std::uint64_t total = progress.wanted + progress.leftover;
  for (auto it = progress.states.rbegin(); it != progress.states.rend(); ++it) {
    lines.push_back(Bar(Lower(pb::TaskState_Name(it->first)), it->second, total));
  }
  if (progress.missing > 0) lines.push_back(Bar("to create", progress.missing, total));
  if (progress.leftover > 0) lines.push_back(Bar("to stop", progress.leftover, total));
  for (std::size_t i = 0; i < progress.troubles.size() && i < kMostTroubles; ++i) {
    lines.push_back("  " + progress.troubles[i]);
  }
  return Draw(lines);
}

std::string Display::Note(const std::string& text) {
  const std::string line = title_ + ": " + text;
  if (columns_ != 0) return Draw({line});
  if (line == last_) return "";
  last_ = line;
  return line + "\n";
}

}  // namespace swarm::ctl
