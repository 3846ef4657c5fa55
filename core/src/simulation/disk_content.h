// Bytes of a virtual file: sparse, so that preallocated logs cost nothing.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

namespace swarm::simulation {

class DiskContent {
 public:
  DiskContent() = default;
  DiskContent(const DiskContent& other);
  DiskContent& operator=(const DiskContent& other);

  std::uint64_t size() const { return size_; }
  // At most `size` bytes; shorter at the end.
  std::string Read(std::uint64_t offset, std::uint64_t size) const;
  // Grows as needed; a gap reads as zeros.
  void Write(std::uint64_t offset, std::string_view data);
  // Cuts, or extends with zeros.
  void Truncate(std::uint64_t size);

 private:
  static constexpr std::uint64_t kPageSize = 4096;
  using Page = std::array<char, kPageSize>;

  std::uint64_t size_ = 0;
  std::unordered_map<std::uint64_t, std::unique_ptr<Page>> pages_;  // absent: zeros
};

}  // namespace swarm::simulation
