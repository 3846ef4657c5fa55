// Protobuf's wire format by hand, for the few places where bytes are put together or taken apart
// without copying them into messages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace swarm::wal {

std::size_t VarintSize(std::uint64_t value);
void PutVarint(std::string& out, std::uint64_t value);
// Field `number` (1 to 15) as a varint.
void PutNumber(std::string& out, int number, std::uint64_t value);
// Tag and length of a bytes field; the bytes follow.
void PutBytesHeader(std::string& out, int number, std::size_t size);
void PutBytes(std::string& out, int number, std::string_view bytes);
std::size_t BytesFieldSize(std::size_t size);

// Walks the fields of a serialised message. Never reads outside of it, whatever it holds.
class FieldReader {
 public:
  enum class Type : unsigned char { kNumber, kBytes, kOther };

  explicit FieldReader(std::string_view message) : rest_(message) {}

  // Moves to the next field; false at the end and at the first malformed field.
  bool Next();
  // Whether everything so far was well formed.
  bool ok() const { return ok_; }

  std::uint32_t field() const { return field_; }
  Type type() const { return type_; }
  std::uint64_t number() const { return number_; }   // of a kNumber
  std::string_view bytes() const { return bytes_; }  // of a kBytes

  bool IsNumber(std::uint32_t field) const { return field_ == field && type_ == Type::kNumber; }
  bool IsBytes(std::uint32_t field) const { return field_ == field && type_ == Type::kBytes; }

 private:
  bool TakeVarint(std::uint64_t& value);
  bool Skip(std::size_t size);

  std::string_view rest_;
  bool ok_ = true;
  std::uint32_t field_ = 0;
  Type type_ = Type::kOther;
  std::uint64_t number_ = 0;
  std::string_view bytes_;
};

}  // namespace swarm::wal
