// The sources of this repository and what they include.
#pragma once

#include <string>
#include <vector>

namespace swarm::layering {

struct Include {
  std::string file;  // the including one, relative to the repository
  int line;
  std::string target;  // as written between the quotes or brackets
};

class SourceTree {
 public:
  // The folder of the repository, as SWARM_SOURCE_DIR says.
  SourceTree();

  // Relative paths of the C++ files below a folder, sorted; none when there is no such folder.
  std::vector<std::string> Sources(const std::string& folder) const;
  // Names of the folders directly in a folder, sorted.
  std::vector<std::string> Folders(const std::string& folder) const;
  std::vector<Include> Includes(const std::string& file) const;
  std::vector<std::string> Lines(const std::string& file) const;
  bool Exists(const std::string& path) const;

 private:
  std::string root_;
};

}  // namespace swarm::layering
