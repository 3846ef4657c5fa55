// Shared ownership of small immutable blocks by a counter inside them.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

namespace swarm::store {

// Owns a share of a T, which has `std::atomic<std::uint32_t> refs` starting at 1 and a static
// Destroy.
template <class T>
class Ref {
 public:
  Ref() = default;
  // Takes over one share.
  static Ref Adopt(T* block) {
    Ref ref;
    ref.block_ = block;
    return ref;
  }
  Ref(const Ref& other) : block_(other.block_) {
    if (block_) block_->refs.fetch_add(1, std::memory_order_relaxed);
  }
  Ref(Ref&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~Ref() {
    if (block_ && block_->refs.fetch_sub(1, std::memory_order_acq_rel) == 1) T::Destroy(block_);
  }
  T* get() const { return block_; }
  T* operator->() const { return block_; }
  T& operator*() const { return *block_; }
  explicit operator bool() const { return block_ != nullptr; }

 private:
  T* block_ = nullptr;
};

// The value of a non-unique index, shared by the entries that have it.
struct KeyBlock {
  std::atomic<std::uint32_t> refs{1};
  std::uint32_t size = 0;

  std::string_view text() const { return {reinterpret_cast<const char*>(this + 1), size}; }

  static Ref<KeyBlock> Make(std::string_view text) {
    auto* block = new (::operator new(sizeof(KeyBlock) + text.size())) KeyBlock;
    block->size = static_cast<std::uint32_t>(text.size());
    if (!text.empty()) std::memcpy(static_cast<void*>(block + 1), text.data(), text.size());
    return Ref<KeyBlock>::Adopt(block);
  }
  static void Destroy(KeyBlock* block) {
    block->~KeyBlock();
    ::operator delete(block);
  }
};

// What stays the same while an object changes: its id, its lower-cased name and, for tasks, the
// slot. Indices refer to anchors, so that an update touches only the indices whose value changed,
// and no index copies a string per object.
struct Anchor {
  std::atomic<std::uint32_t> refs{1};
  std::uint32_t id_size = 0;
  std::uint32_t name_size = 0;
  bool has_name = false;
  std::uint64_t slot = 0;

  std::string_view id() const { return {reinterpret_cast<const char*>(this + 1), id_size}; }
  std::string_view name() const {
    return {reinterpret_cast<const char*>(this + 1) + id_size, name_size};
  }

  static Ref<Anchor> Make(std::string_view id, bool has_name, std::string_view name,
                          std::uint64_t slot) {
    auto* block = new (::operator new(sizeof(Anchor) + id.size() + name.size())) Anchor;
    block->id_size = static_cast<std::uint32_t>(id.size());
    block->name_size = static_cast<std::uint32_t>(name.size());
    block->has_name = has_name;
    block->slot = slot;
    char* bytes = reinterpret_cast<char*>(block + 1);
    if (!id.empty()) std::memcpy(bytes, id.data(), id.size());
    if (!name.empty()) std::memcpy(bytes + id.size(), name.data(), name.size());
    return Ref<Anchor>::Adopt(block);
  }
  static void Destroy(Anchor* block) {
    block->~Anchor();
    ::operator delete(block);
  }
};

}  // namespace swarm::store
