#include "host/elf.h"

#include <elf.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>

namespace swarm::host {
namespace {

constexpr std::array<std::string_view, 6> kLinkerSymbols = {"_init", "_fini",       "_edata",
                                                            "_end",  "__bss_start", "__end__"};

Status NotShared(const char* why) {
  return {Code::kInvalidArgument, std::string("not a shared object: ") + why};
}

Status Damaged() { return {Code::kInvalidArgument, "a damaged shared object"}; }

// A structure at an offset, or nothing when it reaches past the end.
template <class T>
std::optional<T> At(std::string_view image, std::uint64_t offset) {
  if (offset > image.size() || image.size() - offset < sizeof(T)) return std::nullopt;
  T out;
  std::memcpy(&out, image.data() + offset, sizeof(T));
  return out;
}

bool Exported(const Elf64_Sym& symbol) {
  const unsigned binding = ELF64_ST_BIND(symbol.st_info);
  return symbol.st_shndx != SHN_UNDEF && binding != STB_LOCAL;
}

Result<std::vector<std::string>> ReadSymbols(std::string_view image, const Elf64_Shdr& table,
                                             const Elf64_Shdr& strings) {
  std::vector<std::string> out;
  for (std::uint64_t at = 0; at + sizeof(Elf64_Sym) <= table.sh_size; at += sizeof(Elf64_Sym)) {
    const auto symbol = At<Elf64_Sym>(image, table.sh_offset + at);
    if (!symbol) return Damaged();
    if (!Exported(*symbol)) continue;
    const std::uint64_t begin = strings.sh_offset + symbol->st_name;
    if (begin >= image.size()) return Damaged();
    const std::string_view rest = image.substr(begin);
    const std::string_view name = rest.substr(0, rest.find('\0'));
    const bool linkers =
        std::find(kLinkerSymbols.begin(), kLinkerSymbols.end(), name) != kLinkerSymbols.end();
    if (!linkers) out.emplace_back(name);
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

Result<std::vector<std::string>> ExportedSymbols(std::string_view image) {
  const auto header = At<Elf64_Ehdr>(image, 0);
  if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
    return NotShared("it does not begin as an ELF file");
  if (header->e_ident[EI_CLASS] != ELFCLASS64) return NotShared("it is not of 64 bits");
  if (header->e_type != ET_DYN) return NotShared("it is another kind of ELF file");
  for (unsigned i = 0; i < header->e_shnum; ++i) {
    const auto table = At<Elf64_Shdr>(image, header->e_shoff + i * sizeof(Elf64_Shdr));
    if (!table) return Damaged();
    if (table->sh_type != SHT_DYNSYM) continue;
    const auto strings =
        At<Elf64_Shdr>(image, header->e_shoff + table->sh_link * sizeof(Elf64_Shdr));
    if (!strings) return Damaged();
    return ReadSymbols(image, *table, *strings);
  }
  return NotShared("it has no dynamic symbols");
}

}  // namespace swarm::host
