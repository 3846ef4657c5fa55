#include "image_reference.h"

#include <algorithm>

namespace swarm::executor_docker {
namespace {

constexpr std::string_view kAlgorithm = "sha256:";
constexpr std::size_t kDigestDigits = 64;

bool IsDigits(std::string_view text) {
  return text.size() == kDigestDigits && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

std::string_view Familiar(std::string_view name) {
  for (const std::string_view hub : {"docker.io/", "index.docker.io/"}) {
    if (!name.starts_with(hub)) continue;
    name.remove_prefix(hub.size());
    constexpr std::string_view kOfficial = "library/";
    if (name.starts_with(kOfficial)) name.remove_prefix(kOfficial.size());
    break;
  }
  return name;
}

}  // namespace

ImageReference ParseImage(std::string_view text) {
  ImageReference out;
  const bool prefixed = text.starts_with(kAlgorithm);
  if (IsDigits(prefixed ? text.substr(kAlgorithm.size()) : text)) {
    out.name = text;
    out.is_id = true;
    return out;
  }
  if (const auto at = text.find('@'); at != text.npos) {
    out.digest = text.substr(at + 1);
    text = text.substr(0, at);
  }
  // A colon before the last slash belongs to the registry's port.
  const auto slash = text.rfind('/');
  const auto colon = text.rfind(':');
  if (colon != text.npos && (slash == text.npos || colon > slash)) {
    out.tag = text.substr(colon + 1);
    text = text.substr(0, colon);
  }
  if (out.tag.empty() && out.digest.empty()) out.tag = "latest";
  out.name = Familiar(text);
  return out;
}

}  // namespace swarm::executor_docker
