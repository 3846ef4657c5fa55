#include "source_tree.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace swarm::layering {
namespace fs = std::filesystem;

SourceTree::SourceTree() {
  const char* root = std::getenv("SWARM_SOURCE_DIR");
  root_ = root == nullptr ? "." : root;
}

std::vector<std::string> SourceTree::Sources(const std::string& folder) const {
  std::vector<std::string> out;
  if (!Exists(folder)) return out;
  for (const auto& entry : fs::recursive_directory_iterator(root_ + "/" + folder)) {
    const std::string extension = entry.path().extension();
    if (extension != ".h" && extension != ".cpp" && extension != ".in") continue;
    out.push_back(fs::relative(entry.path(), root_));
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<std::string> SourceTree::Folders(const std::string& folder) const {
  std::vector<std::string> out;
  if (!Exists(folder)) return out;
  for (const auto& entry : fs::directory_iterator(root_ + "/" + folder)) {
    if (entry.is_directory()) out.push_back(entry.path().filename());
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<Include> SourceTree::Includes(const std::string& file) const {
  std::vector<Include> out;
  int number = 0;
  for (const std::string& line : Lines(file)) {
    ++number;
    if (!line.starts_with("#include ")) continue;
    const std::size_t begin = line.find_first_of("\"<");
    if (begin == std::string::npos) continue;
    const std::size_t end = line.find_first_of("\">", begin + 1);
    out.push_back({file, number, line.substr(begin + 1, end - begin - 1)});
  }
  return out;
}

std::vector<std::string> SourceTree::Lines(const std::string& file) const {
  std::vector<std::string> out;
  std::ifstream in(root_ + "/" + file);
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

bool SourceTree::Exists(const std::string& path) const { return fs::exists(root_ + "/" + path); }

}  // namespace swarm::layering
