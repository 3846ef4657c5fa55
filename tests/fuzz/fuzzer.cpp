// A libFuzzer target for one parser.
#include <cstddef>
#include <cstdint>

#include "parsers.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const swarm::fuzz::Parser* const parser = [] {
    for (const auto& p : swarm::fuzz::Parsers()) {
      if (p.name == SWARM_FUZZ_PARSER) return &p;
    }
    return &swarm::fuzz::Parsers().front();
  }();
  parser->run({reinterpret_cast<const char*>(data), size});
  return 0;
}
