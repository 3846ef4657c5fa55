#include "msgpack.h"

namespace swarm::gossip {
namespace {

// Deeper than anything a member sends.
constexpr int kDeepest = 8;

constexpr std::uint8_t kNil = 0xc0, kFalse = 0xc2, kTrue = 0xc3;
constexpr std::uint8_t kUint8 = 0xcc, kUint16 = 0xcd, kUint32 = 0xce, kUint64 = 0xcf;
constexpr std::uint8_t kInt8 = 0xd0, kInt64 = 0xd3;
constexpr std::uint8_t kBin8 = 0xc4, kBin32 = 0xc6, kStr8 = 0xd9, kRaw16 = 0xda, kRaw32 = 0xdb;
constexpr std::uint8_t kArray16 = 0xdc, kArray32 = 0xdd, kMap16 = 0xde, kMap32 = 0xdf;
constexpr std::uint8_t kFloat32 = 0xca, kFloat64 = 0xcb;

bool IsFixMap(std::uint8_t tag) { return (tag & 0xf0) == 0x80; }
bool IsFixArray(std::uint8_t tag) { return (tag & 0xf0) == 0x90; }
bool IsFixRaw(std::uint8_t tag) { return (tag & 0xe0) == 0xa0; }

}  // namespace

void Packer::BigEndian(std::uint64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out_.push_back(static_cast<char>(value >> (8 * i)));
}

void Packer::Map(std::size_t fields) { out_.push_back(static_cast<char>(0x80 | fields)); }

void Packer::Raw(std::string_view bytes) {
  if (bytes.size() < 32) {
    out_.push_back(static_cast<char>(0xa0 | bytes.size()));
  } else if (bytes.size() < 1 << 16) {
    out_.push_back(static_cast<char>(kRaw16));
    BigEndian(bytes.size(), 2);
  } else {
    out_.push_back(static_cast<char>(kRaw32));
    BigEndian(bytes.size(), 4);
  }
  out_.append(bytes);
}

void Packer::Number(std::uint32_t value) {
  if (value < 128) return out_.push_back(static_cast<char>(value));
  const int bytes = value < 1 << 8 ? 1 : value < 1 << 16 ? 2 : 4;
  out_.push_back(static_cast<char>(bytes == 1 ? kUint8 : bytes == 2 ? kUint16 : kUint32));
  BigEndian(value, bytes);
}

void Packer::Bool(bool value) { out_.push_back(static_cast<char>(value ? kTrue : kFalse)); }

bool Unpacker::Take(std::size_t count, std::string_view* out) {
  if (rest_.size() < count) return false;
  *out = rest_.substr(0, count);
  rest_.remove_prefix(count);
  return true;
}

bool Unpacker::Byte(std::uint8_t* out) {
  if (rest_.empty()) return false;
  *out = static_cast<std::uint8_t>(rest_.front());
  rest_.remove_prefix(1);
  return true;
}

bool Unpacker::BigEndian(int bytes, std::uint64_t* out) {
  *out = 0;
  std::uint8_t byte = 0;
  for (int i = 0; i < bytes; ++i) {
    if (!Byte(&byte)) return false;
    *out = *out << 8 | byte;
  }
  return true;
}

// Of a raw value whose tag has been read.
bool Unpacker::Length(std::uint8_t tag, std::size_t* out) {
  std::uint64_t length = tag & 0x1f;
  if (!IsFixRaw(tag)) {
    int bytes = 0;
    if (tag == kStr8 || tag == kBin8) bytes = 1;
    if (tag == kRaw16 || tag == kBin8 + 1) bytes = 2;
    if (tag == kRaw32 || tag == kBin32) bytes = 4;
    if (bytes == 0 || !BigEndian(bytes, &length)) return false;
  }
  *out = length;
  return length <= rest_.size();
}

bool Unpacker::Raw(std::string_view* out) {
  std::uint8_t tag = 0;
  if (!Byte(&tag)) return false;
  *out = {};
  if (tag == kNil) return true;
  std::size_t length = 0;
  return Length(tag, &length) && Take(length, out);
}

bool Unpacker::Number(std::uint64_t* out) {
  std::uint8_t tag = 0;
  if (!Byte(&tag)) return false;
  *out = tag;
  if (tag < 128) return true;
  if (tag >= kUint8 && tag <= kUint64) return BigEndian(1 << (tag - kUint8), out);
  // Some members send what is never negative in signed types.
  if (tag < kInt8 || tag > kInt64) return false;
  const int bytes = 1 << (tag - kInt8);
  return BigEndian(bytes, out) && (*out >> (8 * bytes - 1)) == 0;
}

bool Unpacker::Bool(bool* out) {
  std::uint8_t tag = 0;
  if (!Byte(&tag) || (tag != kTrue && tag != kFalse)) return false;
  *out = tag == kTrue;
  return true;
}

bool Unpacker::Struct(const std::function<bool(std::string_view name)>& field) {
  std::uint8_t tag = 0;
  if (!Byte(&tag) || !IsFixMap(tag)) return false;
  for (int left = tag & 0x0f; left > 0; --left) {
    std::string_view name;
    if (!Raw(&name) || !field(name)) return false;
  }
  return true;
}

bool Unpacker::SkipMany(std::uint64_t values, int depth) {
  // Each takes at least a byte.
  if (values > rest_.size() || depth >= kDeepest) return false;
  for (; values > 0; --values) {
    if (!Skip(depth + 1)) return false;
  }
  return true;
}

bool Unpacker::Skip(int depth) {
  std::uint8_t tag = 0;
  std::uint64_t number = 0;
  std::string_view bytes;
  if (!Byte(&tag)) return false;
  if (tag < 0x80 || tag >= 0xe0 || tag == kNil || tag == kFalse || tag == kTrue) return true;
  if (IsFixMap(tag)) return SkipMany(2 * (tag & 0x0f), depth);
  if (IsFixArray(tag)) return SkipMany(tag & 0x0f, depth);
  if (tag >= kUint8 && tag <= kUint64) return Take(std::size_t{1} << (tag - kUint8), &bytes);
  if (tag >= kInt8 && tag <= kInt64) return Take(std::size_t{1} << (tag - kInt8), &bytes);
  if (tag == kFloat32 || tag == kFloat64) return Take(tag == kFloat32 ? 4 : 8, &bytes);
  if (tag == kArray16 || tag == kArray32) {
    return BigEndian(tag == kArray16 ? 2 : 4, &number) && SkipMany(number, depth);
  }
  if (tag == kMap16 || tag == kMap32) {
    return BigEndian(tag == kMap16 ? 2 : 4, &number) && SkipMany(2 * number, depth);
  }
  std::size_t length = 0;
  return Length(tag, &length) && Take(length, &bytes);
}

}  // namespace swarm::gossip
