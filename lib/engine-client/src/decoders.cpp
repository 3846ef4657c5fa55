#include "decoders.h"

namespace swarm::engine {
namespace {

constexpr std::string_view kBlank = " \t\r\n";
constexpr std::size_t kFrameHeader = 8;

// Appends after dropping what was handed out, so that a buffer does not grow for ever.
void Append(std::string& buffer, std::size_t& begin, std::string_view bytes) {
  buffer.erase(0, begin);
  begin = 0;
  if (buffer.empty() && buffer.capacity() > (64 << 10)) buffer.shrink_to_fit();
  buffer.append(bytes);
}

}  // namespace

void JsonDecoder::Push(std::string_view bytes) {
  scanned_ -= begin_;
  Append(buffer_, begin_, bytes);
}

bool JsonDecoder::FindEnd() {
  for (; scanned_ < buffer_.size(); ++scanned_) {
    const char c = buffer_[scanned_];
    if (in_string_) {
      if (escaped_) {
        escaped_ = false;
      } else if (c == '\\') {
        escaped_ = true;
      } else if (c == '"') {
        in_string_ = false;
      }
    } else if (c == '"') {
      in_string_ = true;
    } else if (c == '{' || c == '[') {
      ++depth_;
    } else if ((c == '}' || c == ']') && --depth_ == 0) {
      ++scanned_;
      return true;
    }
  }
  return false;
}

Step JsonDecoder::Next(nlohmann::json& out) {
  if (depth_ == 0 && !in_string_) {
    begin_ = buffer_.find_first_not_of(kBlank, begin_);
    if (begin_ == std::string::npos) begin_ = buffer_.size();
    scanned_ = begin_;
    if (begin_ == buffer_.size()) return Step::kMore;
    if (buffer_[begin_] != '{') return Step::kBad;
  }
  const bool whole = FindEnd();
  if (scanned_ - begin_ > limit_) return Step::kTooLarge;
  if (!whole) return Step::kMore;
  out = nlohmann::json::parse(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
                              buffer_.begin() + static_cast<std::ptrdiff_t>(scanned_), nullptr,
                              false);
  begin_ = scanned_;
  return out.is_object() ? Step::kItem : Step::kBad;
}

bool JsonDecoder::AtEnd() const {
  return depth_ == 0 && buffer_.find_first_not_of(kBlank, begin_) == std::string::npos;
}

void FrameDecoder::Push(std::string_view bytes) { Append(buffer_, begin_, bytes); }

Step FrameDecoder::Next(Frame& out) {
  const std::string_view rest = std::string_view(buffer_).substr(begin_);
  if (rest.size() < kFrameHeader) return Step::kMore;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(rest[i]); };
  if (byte(0) > Frame::kEngineError || byte(1) != 0 || byte(2) != 0 || byte(3) != 0)
    return Step::kBad;
  const std::size_t size =
      std::size_t{byte(4)} << 24 | std::size_t{byte(5)} << 16 | std::size_t{byte(6)} << 8 | byte(7);
  if (size > limit_) return Step::kTooLarge;
  if (rest.size() - kFrameHeader < size) return Step::kMore;
  out.stream = static_cast<Frame::Stream>(byte(0));
  out.data = rest.substr(kFrameHeader, size);
  begin_ += kFrameHeader + size;
  return Step::kItem;
}

}  // namespace swarm::engine
