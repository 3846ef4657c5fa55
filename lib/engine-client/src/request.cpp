// The parts of a request as text.
#include <charconv>
#include <nlohmann/json.hpp>

#include "engine_client/client.h"

namespace swarm::engine {
namespace {

bool Unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

}  // namespace

std::string ApiVersion::ToString() const {
  return std::to_string(major) + "." + std::to_string(minor);
}

std::optional<ApiVersion> ApiVersion::Parse(std::string_view text) {
  ApiVersion version;
  const char* end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, version.major);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != '.') return std::nullopt;
  const auto second = std::from_chars(first.ptr + 1, end, version.minor);
  if (second.ec != std::errc() || second.ptr != end) return std::nullopt;
  if (version.major < 0 || version.minor < 0) return std::nullopt;
  return version;
}

Request Request::PostJson(std::string path, const nlohmann::json& body) {
  Request request = Make("POST", std::move(path));
  // What is not UTF-8 becomes U+FFFD; the engine refuses it with the field's name.
  request.body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return request;
}

std::string Escape(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (Unreserved(c)) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

std::string Filters(const std::vector<std::pair<std::string, std::vector<std::string>>>& filters) {
  nlohmann::json out = nlohmann::json::object();
  for (const auto& [name, values] : filters) {
    for (const std::string& value : values) out[name][value] = true;
  }
  return out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace swarm::engine
