// The part of msgpack, in its old form, that members of a gossip cluster speak: structs are maps by
// field name, text and bytes are one "raw" type.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace swarm::gossip {

// Appends to a text.
class Packer {
 public:
  explicit Packer(std::string* out) : out_(*out) {}
  void Map(std::size_t fields);  // at most 15
  void Raw(std::string_view bytes);
  void Number(std::uint32_t value);
  void Bool(bool value);

 private:
  void BigEndian(std::uint64_t value, int bytes);
  std::string& out_;
};

// Reads from untrusted bytes, which outlive it. Once something is wrong everything fails.
class Unpacker {
 public:
  explicit Unpacker(std::string_view bytes) : rest_(bytes) {}

  // Calls `field` with each name; it reads the value, or Skips it.
  bool Struct(const std::function<bool(std::string_view name)>& field);
  bool Raw(std::string_view* out);  // nil is empty
  bool Number(std::uint64_t* out);  // not negative, whatever its type
  bool Bool(bool* out);
  bool Skip() { return Skip(0); }

  std::string_view rest() const { return rest_; }
  // Bytes that are not msgpack.
  bool Take(std::size_t count, std::string_view* out);

 private:
  bool Byte(std::uint8_t* out);
  bool BigEndian(int bytes, std::uint64_t* out);
  bool Length(std::uint8_t tag, std::size_t* out);
  bool Skip(int depth);
  bool SkipMany(std::uint64_t values, int depth);

  std::string_view rest_;
};

}  // namespace swarm::gossip
