#include "image_reference.h"

#include <algorithm>
#include <string>

namespace swarm::controlapi {
namespace {

constexpr std::size_t kLongestPath = 255;
constexpr std::size_t kLongestTag = 128;
constexpr std::size_t kIdentifierLength = 64;
constexpr auto npos = std::string_view::npos;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool IsAlnum(char c) { return IsDigit(c) || IsLower(c) || IsUpper(c); }
bool IsLowerHex(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f'); }

template <class Test>
bool All(std::string_view text, Test test) {
  return std::all_of(text.begin(), text.end(), test);
}

// Calls `part` for what `separator` divides, until it returns false.
template <class Fn>
bool EachPart(std::string_view text, char separator, Fn part) {
  for (;;) {
    const auto at = text.find(separator);
    if (!part(text.substr(0, at))) return false;
    if (at == npos) return true;
    text.remove_prefix(at + 1);
  }
}

bool IsDomainComponent(std::string_view part) {
  return !part.empty() && IsAlnum(part.front()) && IsAlnum(part.back()) &&
         All(part, [](char c) { return IsAlnum(c) || c == '-'; });
}

bool IsDomain(std::string_view domain) {
  std::string_view host = domain;
  const bool literal = host.starts_with('[');  // an IPv6 address
  const auto colon = literal ? host.find("]:") : host.find(':');
  if (colon != npos) {
    const std::string_view port = host.substr(colon + (literal ? 2 : 1));
    if (port.empty() || !All(port, IsDigit)) return false;
    host = host.substr(0, colon + (literal ? 1 : 0));
  }
  if (literal) {
    return host.size() > 2 && host.ends_with(']') &&
           All(host.substr(1, host.size() - 2),
               [](char c) { return IsLowerHex(c) || (c >= 'A' && c <= 'F') || c == ':'; });
  }
  return EachPart(host, '.', IsDomainComponent);
}

// Runs of lower-case letters and digits between ".", "_", "__" or any number of "-".
bool IsPathComponent(std::string_view part) {
  const auto letter = [](char c) { return IsLower(c) || IsDigit(c); };
  if (part.empty() || !letter(part.front()) || !letter(part.back())) return false;
  for (std::size_t i = 0; i < part.size();) {
    if (letter(part[i])) {
      ++i;
      continue;
    }
    const char separator = part[i];
    std::size_t run = 0;
    while (part[i + run] == separator) ++run;
    const bool good =
        separator == '-' || (separator == '.' && run == 1) || (separator == '_' && run <= 2);
    if (!good || !letter(part[i + run])) return false;
    i += run;
  }
  return true;
}

bool IsTag(std::string_view tag) {
  return !tag.empty() && tag.size() <= kLongestTag && tag.front() != '.' && tag.front() != '-' &&
         All(tag, [](char c) { return IsAlnum(c) || c == '_' || c == '.' || c == '-'; });
}

bool IsDigest(std::string_view digest) {
  const auto colon = digest.find(':');
  if (colon == npos) return false;
  const std::string_view algorithm = digest.substr(0, colon);
  const std::string_view hex = digest.substr(colon + 1);
  const std::size_t length = algorithm == "sha256"   ? 64
                             : algorithm == "sha384" ? 96
                             : algorithm == "sha512" ? 128
                                                     : 0;
  return length != 0 && hex.size() == length && All(hex, IsLowerHex);
}

struct Parts {
  std::string_view domain;  // empty: Docker Hub
  std::string_view remainder;
};

Parts SplitDomain(std::string_view image) {
  const auto slash = image.find('/');
  if (slash == npos) return {{}, image};
  const std::string_view first = image.substr(0, slash);
  const bool domain = first.find_first_of(".:") != npos || first == "localhost" ||
                      std::any_of(first.begin(), first.end(), IsUpper);
  if (!domain) return {{}, image};
  return {first, image.substr(slash + 1)};
}

}  // namespace

bool IsImageReference(std::string_view image) {
  if (image.size() == kIdentifierLength && All(image, IsLowerHex)) return false;
  auto [domain, rest] = SplitDomain(image);
  if (const auto at = rest.find('@'); at != npos) {
    if (!IsDigest(rest.substr(at + 1))) return false;
    rest = rest.substr(0, at);
  }
  if (const auto colon = rest.rfind(':'); colon != npos) {
    if (!IsTag(rest.substr(colon + 1))) return false;
    rest = rest.substr(0, colon);
  }
  // What is no domain may still be the first component of a path.
  const bool prefixed =
      domain.empty() || IsDomain(domain) || EachPart(domain, '/', IsPathComponent);
  return prefixed && rest.size() <= kLongestPath && EachPart(rest, '/', IsPathComponent);
}

}  // namespace swarm::controlapi
