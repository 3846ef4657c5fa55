#include "simulation/disk_content.h"

#include <algorithm>
#include <cstring>

namespace swarm::simulation {

DiskContent::DiskContent(const DiskContent& other) { *this = other; }

DiskContent& DiskContent::operator=(const DiskContent& other) {
  if (this == &other) return *this;
  size_ = other.size_;
  pages_.clear();
  for (const auto& [number, page] : other.pages_) {
    pages_.emplace(number, std::make_unique<Page>(*page));
  }
  return *this;
}

std::string DiskContent::Read(std::uint64_t offset, std::uint64_t size) const {
  if (offset >= size_) return {};
  std::string out(std::min(size, size_ - offset), '\0');
  for (std::uint64_t done = 0; done < out.size();) {
    const std::uint64_t at = (offset + done) % kPageSize;
    const std::uint64_t part = std::min<std::uint64_t>(out.size() - done, kPageSize - at);
    const auto page = pages_.find((offset + done) / kPageSize);
    if (page != pages_.end()) std::memcpy(out.data() + done, page->second->data() + at, part);
    done += part;
  }
  return out;
}

void DiskContent::Write(std::uint64_t offset, std::string_view data) {
  if (data.empty()) return;
  size_ = std::max<std::uint64_t>(size_, offset + data.size());
  for (std::uint64_t done = 0; done < data.size();) {
    const std::uint64_t at = (offset + done) % kPageSize;
    const std::uint64_t part = std::min<std::uint64_t>(data.size() - done, kPageSize - at);
    const std::string_view piece = data.substr(done, part);
    const std::uint64_t number = (offset + done) / kPageSize;
    done += part;
    auto page = pages_.find(number);
    if (page == pages_.end()) {
      if (piece.find_first_not_of('\0') == std::string_view::npos) continue;
      page = pages_.emplace(number, std::make_unique<Page>()).first;  // zeros
    }
    std::memcpy(page->second->data() + at, piece.data(), part);
  }
}

void DiskContent::Truncate(std::uint64_t size) {
  if (size < size_) {
    const std::uint64_t last = size / kPageSize;
    std::erase_if(pages_, [&](const auto& page) {
      return page.first > last || (page.first == last && size % kPageSize == 0);
    });
    // What is cut must read as zeros when the file grows again.
    if (const auto page = pages_.find(last); page != pages_.end()) {
      std::memset(page->second->data() + size % kPageSize, 0, kPageSize - size % kPageSize);
    }
  }
  size_ = size;
}

}  // namespace swarm::simulation
