// The parts of an image's name, as a pull needs them.
#pragma once

#include <string>
#include <string_view>

namespace swarm::executor_docker {

struct ImageReference {
  // Without tag and digest, short where Docker Hub is meant: "busybox", "host:5000/team/app".
  std::string name;
  std::string tag;     // "latest" when neither tag nor digest is given
  std::string digest;  // "sha256:..."
  // The text is an image's id and no name: nothing to pull.
  bool is_id = false;

  // The digest pins the content, so it counts before the tag.
  const std::string& selector() const { return digest.empty() ? tag : digest; }
};

// Of a text that the control API has accepted.
ImageReference ParseImage(std::string_view text);

}  // namespace swarm::executor_docker
