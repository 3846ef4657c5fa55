#include "puller.h"

#include "image_reference.h"
#include "json_read.h"

namespace swarm::executor_docker {

// Owned by the flows that wait for it.
struct Puller::Pulling {
  explicit Pulling(Loop& loop) : ended_gate(loop) {}

  void End(PullResult how) {
    if (ended) return;
    ended = true;
    result = std::move(how);
    idle.reset();
    limit.reset();
    ended_gate.Open();
  }

  std::string image;
  LinkCallPtr call;
  std::unique_ptr<Timer> idle;
  std::unique_ptr<Timer> limit;
  std::string last_status;
  std::string last_error;
  bool ended = false;
  PullResult result;
  Gate ended_gate;
};

Flow<PullResult> Puller::Pull(std::string image, std::string auth) {
  const std::shared_ptr<Pulling> pulling = Join(image, auth);
  while (!pulling->ended) co_await pulling->ended_gate.Next();
  co_return pulling->result;
}

std::shared_ptr<Puller::Pulling> Puller::Join(const std::string& image, const std::string& auth) {
  std::erase_if(pulls_, [](const auto& entry) { return entry.second.expired(); });
  auto& slot = pulls_[{image, auth}];
  if (auto running = slot.lock(); running && !running->ended) return running;
  auto pulling = std::make_shared<Pulling>(link_.loop());
  pulling->image = image;
  slot = pulling;
  Begin(pulling, auth);
  return pulling;
}

void Puller::Begin(const std::shared_ptr<Pulling>& pulling, const std::string& auth) {
  const ImageReference reference = ParseImage(pulling->image);
  engine::Request request = engine::Request::Post("/images/create");
  request.query.emplace_back("fromImage", reference.name);
  // Without it the engine would pull every tag there is.
  request.query.emplace_back("tag", reference.selector());
  request.headers.emplace_back("X-Registry-Auth", auth);
  // The engine answers when the registry has answered it.
  request.timeout = options_.pull_idle_timeout;
  log_.Info("pulling an image", {{"image", pulling->image}});
  const std::weak_ptr<Pulling> weak = pulling;
  pulling->call = link_.StreamJson(
      std::move(request), nullptr,
      [this, weak](const nlohmann::json& progress) {
        auto pulling = weak.lock();
        if (!pulling) return;
        Watch(pulling);
        // Only how it ends counts: layers may fail and be tried again.
        pulling->last_error = Text(At(progress, "error"));
        pulling->last_status = Text(At(progress, "status"));
      },
      [weak](const engine::Reply& reply) {
        auto pulling = weak.lock();
        if (!pulling) return;
        const std::string& own = reply.engine_message;
        if (!reply.ok()) {
          pulling->End({own.empty() ? reply.status.message() : own, reply.engine_down()});
        } else {
          pulling->End({pulling->last_error, false});
        }
      });
  Watch(pulling);
  if (options_.pull_timeout == Duration::zero()) return;
  pulling->limit = link_.loop().After(options_.pull_timeout, [weak] {
    if (auto pulling = weak.lock()) pulling->End({"it took longer than pull_timeout", false});
  });
}

void Puller::Watch(const std::shared_ptr<Pulling>& pulling) {
  pulling->idle =
      link_.loop().After(options_.pull_idle_timeout, [weak = std::weak_ptr<Pulling>(pulling)] {
        auto pulling = weak.lock();
        if (!pulling) return;
        const std::string& last = pulling->last_status;
        pulling->End(
            {"no progress within pull_idle_timeout" + (last.empty() ? "" : ", last was: " + last),
             false});
      });
}

}  // namespace swarm::executor_docker
