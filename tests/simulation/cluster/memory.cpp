#include "memory.h"

#include <malloc.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace {

// A header in front of every block says who asked for it. The simulation has one thread.
struct alignas(std::max_align_t) Header {
  std::uint8_t owner;
};

std::uint8_t owner_now = 0;
std::array<std::int64_t, 256> in_use{};

[[maybe_unused]] void* Allocate(std::size_t size) {
  auto* header = static_cast<Header*>(std::malloc(size + sizeof(Header)));
  if (header == nullptr) throw std::bad_alloc();
  header->owner = owner_now;
  // What the block would have cost without the header.
  in_use[owner_now] += static_cast<std::int64_t>(malloc_usable_size(header) - sizeof(Header));
  return header + 1;
}

[[maybe_unused]] void Free(void* block) noexcept {
  if (block == nullptr) return;
  auto* header = static_cast<Header*>(block) - 1;
  in_use[header->owner] -= static_cast<std::int64_t>(malloc_usable_size(header) - sizeof(Header));
  std::free(header);
}

}  // namespace

// A sanitizer has its own allocator, and its own use for it.
#ifndef SWARM_SANITIZE

void* operator new(std::size_t size) { return Allocate(size); }
void* operator new[](std::size_t size) { return Allocate(size); }
void operator delete(void* block) noexcept { Free(block); }
void operator delete[](void* block) noexcept { Free(block); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return Allocate(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return Allocate(size); }
void operator delete(void* block, std::size_t) noexcept { Free(block); }
void operator delete[](void* block, std::size_t) noexcept { Free(block); }

#endif

namespace swarm::test {

void SetMemoryOwner(std::uint8_t owner) { owner_now = owner; }
std::uint8_t MemoryOwner() { return owner_now; }
std::int64_t MemoryOf(std::uint8_t owner) { return in_use[owner]; }

}  // namespace swarm::test
