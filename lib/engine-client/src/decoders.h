// Cuts a stream of bytes into what it is made of. Bytes come in any pieces.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "engine_client/client.h"

namespace swarm::engine {

enum class Step : unsigned char {
  kItem,      // one is ready
  kMore,      // the next bytes are needed
  kBad,       // not what this stream is made of
  kTooLarge,  // an item over the limit
};

// JSON objects, with or without white space between them.
class JsonDecoder {
 public:
  explicit JsonDecoder(std::size_t limit) : limit_(limit) {}
  void Push(std::string_view bytes);
  Step Next(nlohmann::json& out);
  // Whether nothing is left over.
  bool AtEnd() const;

 private:
  // Moves scanned_ behind the end of the first object; false: it is not all there yet.
  bool FindEnd();

  const std::size_t limit_;
  std::string buffer_;
  std::size_t begin_ = 0;    // of what is not handed out yet
  std::size_t scanned_ = 0;  // how far the search for the object's end has come
  int depth_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
};

// Frames of output with their 8-byte headers: stream, three zeros, size in big endian.
class FrameDecoder {
 public:
  explicit FrameDecoder(std::size_t limit) : limit_(limit) {}
  void Push(std::string_view bytes);
  // The frame's data is valid until the next Push or Next.
  Step Next(Frame& out);
  bool AtEnd() const { return begin_ == buffer_.size(); }

 private:
  const std::size_t limit_;
  std::string buffer_;
  std::size_t begin_ = 0;
};

}  // namespace swarm::engine
