#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "parsers.h"

namespace swarm::fuzz {
namespace {

// One to eight small changes: a byte set, removed, inserted or repeated, or a piece of another
// seed.
std::string Mutate(const Parser& parser, std::mt19937_64& random) {
  const auto below = [&](std::size_t limit) { return limit == 0 ? 0 : random() % limit; };
  std::string text = parser.seeds[below(parser.seeds.size())];
  for (std::size_t changes = 1 + below(8); changes > 0; --changes) {
    const std::size_t at = below(text.size() + 1);
    switch (below(5)) {
      case 0:
        if (at < text.size()) text[at] = static_cast<char>(random());
        break;
      case 1:
        text.erase(at, 1 + below(8));
        break;
      case 2:
        text.insert(at, 1, static_cast<char>(random()));
        break;
      case 3:
        text.insert(at, text.substr(below(text.size() + 1), below(16)));
        break;
      default: {
        const std::string& other = parser.seeds[below(parser.seeds.size())];
        text.insert(at, other.substr(below(other.size() + 1), below(32)));
      }
    }
  }
  return text;
}

class FuzzSmokeTest : public ::testing::TestWithParam<std::size_t> {};

TEST_P(FuzzSmokeTest, ComesBackFromAnything) {
  const Parser& parser = Parsers()[GetParam()];
  const int runs = std::getenv("SWARM_SOAK") != nullptr ? 500'000 : 3'000;
  std::mt19937_64 random(GetParam() + 1);
  for (const std::string& seed : parser.seeds) parser.run(seed);
  for (int i = 0; i < runs; ++i) parser.run(Mutate(parser, random));
}

INSTANTIATE_TEST_SUITE_P(Parsers, FuzzSmokeTest, ::testing::Range<std::size_t>(0, Parsers().size()),
                         [](const auto& param) { return Parsers()[param.param].name; });

}  // namespace
}  // namespace swarm::fuzz
