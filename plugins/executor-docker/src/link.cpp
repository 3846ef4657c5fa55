#include "link.h"

namespace swarm::executor_docker {
namespace {

// What a call's callbacks reach, as long as somebody holds the call.
struct Target {
  Function<void()> started;
  Function<void(nlohmann::json)> object;
  Function<void(engine::Reply)> done;
};

class Held final : public LinkCall {
 public:
  explicit Held(std::shared_ptr<Target> target) : target_(std::move(target)) {}
  void Set(engine::CallHandle call) { call_ = std::move(call); }

 private:
  std::shared_ptr<Target> target_;
  engine::CallHandle call_;
};

Function<void(engine::Reply)> Done(Loop& loop, const std::shared_ptr<Target>& target) {
  return [&loop, weak = std::weak_ptr(target)](engine::Reply reply) {
    loop.Post([weak, reply = std::move(reply)]() mutable {
      if (auto target = weak.lock()) target->done(std::move(reply));
    });
  };
}

}  // namespace

LinkCallPtr Link::Send(engine::Request request, Function<void(engine::Reply)> done) {
  auto target = std::make_shared<Target>();
  target->done = std::move(done);
  auto held = std::make_unique<Held>(target);
  held->Set(client_.Send(std::move(request), Done(loop_, target)));
  return held;
}

LinkCallPtr Link::StreamJson(engine::Request request, Function<void()> started,
                             Function<void(nlohmann::json)> object,
                             Function<void(engine::Reply)> done) {
  auto target = std::make_shared<Target>();
  target->started = std::move(started);
  target->object = std::move(object);
  target->done = std::move(done);
  auto held = std::make_unique<Held>(target);
  engine::JsonStream stream;
  stream.started = [&loop = loop_, weak = std::weak_ptr(target)] {
    loop.Post([weak] {
      if (auto target = weak.lock(); target && target->started) target->started();
    });
  };
  stream.object = [&loop = loop_, weak = std::weak_ptr(target)](nlohmann::json& object) {
    loop.Post([weak, object = std::move(object)]() mutable {
      if (auto target = weak.lock()) target->object(std::move(object));
    });
  };
  stream.done = Done(loop_, target);
  held->Set(client_.Stream(std::move(request), std::move(stream)));
  return held;
}

}  // namespace swarm::executor_docker
