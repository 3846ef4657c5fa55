// Guards the ABI number: a public header that changed in substance (comments and layout aside)
// without a new number would let a plugin built against the old ones load and misbehave.
//
// core/tests/abi.golden holds the number and a hash of each header; SWARM_REWRITE_GOLDEN=1 makes
// this test write it anew.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cctype>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "swarm/plugin.h"

namespace swarm {
namespace {

namespace fs = std::filesystem;

std::string Root() {
  const char* root = std::getenv("SWARM_SOURCE_DIR");
  return root == nullptr ? "." : root;
}

// The text without comments, and with each run of white space as one blank.
std::string Substance(const std::string& text) {
  enum class In { kCode, kLineComment, kBlockComment, kString, kCharacter };
  In in = In::kCode;
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const char next = i + 1 < text.size() ? text[i + 1] : '\0';
    if (in == In::kLineComment) {
      if (c != '\n') continue;
      in = In::kCode;
    } else if (in == In::kBlockComment) {
      if (c != '*' || next != '/') continue;
      in = In::kCode;
      ++i;
      continue;
    } else if (in == In::kCode && c == '/' && (next == '/' || next == '*')) {
      in = next == '/' ? In::kLineComment : In::kBlockComment;
      ++i;
      continue;
    }
    // A quote between digits separates thousands.
    const bool separator =
        c == '\'' && i > 0 && std::isalnum(static_cast<unsigned char>(text[i - 1]));
    if (in == In::kCode && c == '"') {
      in = In::kString;
    } else if (in == In::kCode && c == '\'' && !separator) {
      in = In::kCharacter;
    } else if ((in == In::kString || in == In::kCharacter) && c == '\\') {
      out += c;
      out += next;
      ++i;
      continue;
    } else if ((in == In::kString && c == '"') || (in == In::kCharacter && c == '\'')) {
      in = In::kCode;
    }
    if (in == In::kCode && std::isspace(static_cast<unsigned char>(c))) {
      if (!out.empty() && out.back() != ' ') out += ' ';
    } else {
      out += c;
    }
  }
  return out;
}

std::string Hash(const std::string& text) {
  std::uint64_t hash = 14695981039346656037ULL;  // FNV-1a
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  char out[17];
  std::snprintf(out, sizeof out, "%016llx", static_cast<unsigned long long>(hash));
  return out;
}

using Hashes = std::map<std::string, std::string>;

Hashes HeaderHashes() {
  Hashes out;
  for (const auto& entry : fs::directory_iterator(Root() + "/core/include/swarm")) {
    std::ifstream in(entry.path());
    const std::string text(std::istreambuf_iterator<char>(in), {});
    std::string substance = Substance(text);
    // The number itself is not what it stands for.
    const std::string number = "kAbiVersion = " + std::to_string(kAbiVersion) + ";";
    const std::size_t at = substance.find(number);
    if (at != std::string::npos) substance.erase(at, number.size());
    out[entry.path().filename()] = Hash(substance);
  }
  return out;
}

struct Golden {
  std::uint32_t abi = 0;
  Hashes hashes;
};

std::string GoldenPath() { return Root() + "/core/tests/abi.golden"; }

Golden ReadGolden() {
  Golden golden;
  std::ifstream in(GoldenPath());
  std::string key;
  std::string value;
  while (in >> key >> value) {
    if (key == "abi") {
      golden.abi = static_cast<std::uint32_t>(std::stoul(value));
    } else {
      golden.hashes[key] = value;
    }
  }
  return golden;
}

void WriteGolden(const Hashes& hashes) {
  std::ofstream out(GoldenPath());
  out << "abi " << kAbiVersion << "\n";
  for (const auto& [name, hash] : hashes) out << name << " " << hash << "\n";
}

TEST(AbiTest, HeadersOnlyChangeWithTheAbiNumber) {
  const Hashes now = HeaderHashes();
  ASSERT_GT(now.size(), 10u);
  if (std::getenv("SWARM_REWRITE_GOLDEN") != nullptr) WriteGolden(now);
  const Golden golden = ReadGolden();
  Hashes all = now;
  all.insert(golden.hashes.begin(), golden.hashes.end());
  std::string changed;
  for (const auto& [name, unused] : all) {
    const auto a = now.find(name);
    const auto b = golden.hashes.find(name);
    const bool same = a != now.end() && b != golden.hashes.end() && a->second == b->second;
    if (!same) changed += (changed.empty() ? "" : ", ") + name;
  }
  if (golden.abi == kAbiVersion) {
    EXPECT_EQ(changed, "") << "These public headers changed in substance. Raise kAbiVersion in "
                              "core/include/swarm/plugin.h, then run this test once with "
                              "SWARM_REWRITE_GOLDEN=1 and commit core/tests/abi.golden.";
  } else {
    EXPECT_EQ(golden.abi, kAbiVersion)
        << "kAbiVersion has changed: run this test once with SWARM_REWRITE_GOLDEN=1 and commit "
           "core/tests/abi.golden.";
  }
}

TEST(AbiTest, CommentsAndLayoutAreNotSubstance) {
  EXPECT_EQ(Substance("int a;  // one\n\n/* two\n */ int b;"), Substance("int a;\nint b;"));
  EXPECT_NE(Substance("int a;"), Substance("int b;"));
  EXPECT_EQ(Substance("x = \"// kept\";"), "x = \"// kept\";");
  EXPECT_EQ(Substance("n = 1'000; // gone"), "n = 1'000; ");
}

}  // namespace
}  // namespace swarm
