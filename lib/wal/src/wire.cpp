#include "wal/wire.h"

#include <bit>

namespace swarm::wal {

std::size_t VarintSize(std::uint64_t value) {
  return (static_cast<std::size_t>(std::bit_width(value | 1)) + 6) / 7;
}

void PutVarint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

void PutNumber(std::string& out, int number, std::uint64_t value) {
  out.push_back(static_cast<char>(number << 3));
  PutVarint(out, value);
}

void PutBytesHeader(std::string& out, int number, std::size_t size) {
  out.push_back(static_cast<char>((number << 3) | 2));
  PutVarint(out, size);
}

void PutBytes(std::string& out, int number, std::string_view bytes) {
  PutBytesHeader(out, number, bytes.size());
  out.append(bytes);
}

std::size_t BytesFieldSize(std::size_t size) { return 1 + VarintSize(size) + size; }

bool FieldReader::TakeVarint(std::uint64_t& value) {
  value = 0;
  for (int shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return true;
  }
  return false;
}

bool FieldReader::Skip(std::size_t size) {
  if (rest_.size() < size) return false;
  rest_.remove_prefix(size);
  return true;
}

bool FieldReader::Next() {
  if (!ok_ || rest_.empty()) return false;
  std::uint64_t tag;
  ok_ = TakeVarint(tag) && (tag >> 3) != 0 && (tag >> 3) < (1U << 29);
  if (!ok_) return false;
  field_ = static_cast<std::uint32_t>(tag >> 3);
  type_ = Type::kOther;
  switch (tag & 7) {
    case 0:
      type_ = Type::kNumber;
      ok_ = TakeVarint(number_);
      break;
    case 1:
      ok_ = Skip(8);
      break;
    case 2: {
      type_ = Type::kBytes;
      std::uint64_t size;
      ok_ = TakeVarint(size) && size <= rest_.size();
      if (!ok_) break;
      bytes_ = rest_.substr(0, size);
      rest_.remove_prefix(size);
      break;
    }
    case 5:
      ok_ = Skip(4);
      break;
    default:
      ok_ = false;
  }
  return ok_;
}

}  // namespace swarm::wal
