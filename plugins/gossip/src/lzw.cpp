#include "lzw.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace swarm::gossip {
namespace {

constexpr std::uint32_t kClear = 256;
constexpr std::uint32_t kEnd = 257;
constexpr std::uint32_t kNone = 0xffff;
constexpr int kFirstWidth = 9;
constexpr int kLastWidth = 12;

class Bits {
 public:
  explicit Bits(std::string_view bytes) : rest_(bytes) {}
  bool Next(int width, std::uint32_t* code) {
    while (count_ < width) {
      if (rest_.empty()) return false;
      held_ |= static_cast<std::uint32_t>(static_cast<unsigned char>(rest_.front())) << count_;
      rest_.remove_prefix(1);
      count_ += 8;
    }
    *code = held_ & ((1U << width) - 1);
    held_ >>= width;
    count_ -= width;
    return true;
  }

 private:
  std::string_view rest_;
  std::uint32_t held_ = 0;
  int count_ = 0;
};

// Each code stands for the text of another one and one more byte.
class Codes {
 public:
  Codes() { Reset(); }
  void Reset() {
    newest_ = kEnd;
    last_ = kNone;
    width_ = kFirstWidth;
  }
  int width() const { return width_; }

  // Appends what `code` stands for, and learns the next code from it.
  bool Use(std::uint32_t code, std::string* out) {
    if (code > newest_ || (code >= kClear && code <= kEnd)) return false;
    // The one that is just being learned: the last text, and its own first byte once more.
    const bool learning = code == newest_;
    if (learning && last_ == kNone) return false;
    const std::size_t begin = out->size();
    Append(learning ? last_ : code, out);
    if (learning) out->push_back((*out)[begin]);
    if (last_ != kNone) {
      prefix_[newest_] = last_;
      suffix_[newest_] = (*out)[begin];
    }
    Advance(code);
    return true;
  }

 private:
  void Append(std::uint32_t code, std::string* out) {
    const std::size_t begin = out->size();
    for (; code > kEnd; code = prefix_[code]) out->push_back(suffix_[code]);
    out->push_back(static_cast<char>(code));
    std::reverse(out->begin() + static_cast<std::ptrdiff_t>(begin), out->end());
  }
  void Advance(std::uint32_t code) {
    last_ = code;
    ++newest_;
    if (newest_ < 1U << width_) return;
    if (width_ < kLastWidth) {
      ++width_;
      return;
    }
    // The table is full: nothing more is learned until it is cleared.
    last_ = kNone;
    --newest_;
  }

  std::array<std::uint32_t, 1 << kLastWidth> prefix_{};
  std::array<char, 1 << kLastWidth> suffix_{};
  std::uint32_t newest_ = kEnd;
  std::uint32_t last_ = kNone;
  int width_ = kFirstWidth;
};

}  // namespace

std::optional<std::string> Expand(std::string_view compressed, std::size_t limit) {
  Bits bits(compressed);
  Codes codes;
  std::string out;
  for (std::uint32_t code = 0; bits.Next(codes.width(), &code);) {
    if (code == kEnd) return out;
    if (code == kClear) {
      codes.Reset();
      continue;
    }
    if (!codes.Use(code, &out) || out.size() > limit) return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace swarm::gossip
