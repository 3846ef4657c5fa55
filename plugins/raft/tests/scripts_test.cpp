// Runs the scripts of this folder, and of the folders it is given:
//   raft_scripts_test [--dir DIR]... [--rewrite]
// --rewrite replaces the expected output by what comes out, for a review of the difference.
// SWARM_RAFT_SCRIPTS names another folder, for runs through ctest.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>

#include "arithmetic_scripts.h"
#include "script.h"
#include "script_cluster.h"

namespace swarm::raft::testing {
namespace {

bool rewrite = false;

class ScriptTest : public ::testing::Test {
 public:
  explicit ScriptTest(std::filesystem::path file) : file_(std::move(file)) {}

  void TestBody() override {
    std::stringstream text;
    text << std::ifstream(file_).rdbuf();
    const std::vector<Case> cases = ParseScript(text.str());
    ASSERT_FALSE(cases.empty()) << file_ << " holds no case";
    std::string rewritten;
    for (const Case& one : cases) {
      const std::string actual = Run(one.directive);
      rewritten += one.head + actual + "\n";
      if (rewrite) continue;
      ASSERT_EQ(WithoutLogLines(actual), WithoutLogLines(one.expected))
          << file_.string() << ":" << one.line << ": " << one.directive.command;
    }
    if (rewrite) {
      rewritten.pop_back();
      std::ofstream(file_) << rewritten;
    }
  }

 private:
  std::string Run(const Directive& directive) {
    return ArithmeticScript::Knows(directive.command) ? arithmetic_.Run(directive)
                                                      : cluster_.Run(directive);
  }

  const std::filesystem::path file_;
  ArithmeticScript arithmetic_;
  ScriptCluster cluster_;
};

// One test a file; false when there is none.
bool Register(const std::string& suite, const std::filesystem::path& folder) {
  const std::vector<std::filesystem::path> scripts = ScriptsIn(folder);
  for (const std::filesystem::path& script : scripts) {
    const std::string name = std::filesystem::relative(script, folder).string();
    ::testing::RegisterTest(suite.c_str(), name.c_str(), nullptr, nullptr, __FILE__, __LINE__,
                            [script]() -> ::testing::Test* { return new ScriptTest(script); });
  }
  if (scripts.empty()) std::cerr << "no script (*.txt) in " << folder << "\n";
  return !scripts.empty();
}

int Main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  const char* source = std::getenv("SWARM_SOURCE_DIR");
  bool found =
      !source || Register("OwnScripts", std::string(source) + "/plugins/raft/tests/scripts");
  if (const char* given = std::getenv("SWARM_RAFT_SCRIPTS"))
    found &= Register("GivenScripts", given);
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--rewrite") {
      rewrite = true;
    } else if (argument == "--dir" && i + 1 < argc) {
      found &= Register("Scripts", argv[++i]);
    } else {
      std::cerr << "usage: raft_scripts_test [--dir DIR]... [--rewrite]\n";
      return 2;
    }
  }
  return found ? RUN_ALL_TESTS() : 1;
}

}  // namespace
}  // namespace swarm::raft::testing

int main(int argc, char** argv) { return swarm::raft::testing::Main(argc, argv); }
