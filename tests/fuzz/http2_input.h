// A connection's bytes as a hostile client may send them.
#pragma once

#include <string>
#include <string_view>

namespace swarm::fuzz {

// Served until it ends, in two pieces.
void Http2(std::string_view input);
// What a client sends that makes two calls.
std::string Http2Bytes();

}  // namespace swarm::fuzz
