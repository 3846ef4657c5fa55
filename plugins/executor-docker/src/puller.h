// Fetches images. Tasks that want the same one at the same time share one pull.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "flow.h"
#include "gate.h"
#include "link.h"
#include "options.h"
#include "swarm/log.h"

namespace swarm::executor_docker {

struct PullResult {
  // Why the image was not pulled; empty when it was.
  std::string error;
  // The engine is away: pull again later.
  bool engine_down = false;
};

// Threading: [loop].
class Puller {
 public:
  Puller(Link& link, Logger log, const DockerOptions& options)
      : link_(link), log_(std::move(log)), options_(options) {}

  // `auth` is the registry's, as the service's author gave it. The pull ends when nobody waits for
  // it any more.
  Flow<PullResult> Pull(std::string image, std::string auth);

 private:
  struct Pulling;
  std::shared_ptr<Pulling> Join(const std::string& image, const std::string& auth);
  void Begin(const std::shared_ptr<Pulling>& pulling, const std::string& auth);
  void Watch(const std::shared_ptr<Pulling>& pulling);

  Link& link_;
  const Logger log_;
  const DockerOptions& options_;
  std::map<std::pair<std::string, std::string>, std::weak_ptr<Pulling>> pulls_;
};

}  // namespace swarm::executor_docker
