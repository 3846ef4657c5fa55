#include "component/component.h"

#include <utility>

#include "component/times.h"

namespace swarm::component {

Env::Env(Runtime& runtime, Store& store, WriterPtr writer, Logger logger, std::string_view name)
    : runtime_(runtime),
      store_(store),
      writer_(std::move(writer)),
      logger_(std::move(logger)),
      loop_(runtime.NewLoop(name, LoopKind::kShared)),
      random_(runtime.NewRandom()) {}

TaskTime Env::Stamp() const { return ToTaskTime(Now()); }

std::string Env::NewId() { return swarm::NewId(*random_); }

UpdateDone Env::OnLoop(Function<void(Status)> done) {
  return [weak = weak_from_this(), done = std::move(done)](Result<Index> result) mutable {
    const auto self = weak.lock();
    if (!self) return;
    self->loop_->Post(
        [done = std::move(done), status = result.status()]() mutable { done(std::move(status)); });
  };
}

void Env::Update(TransactionFn fn, Function<void(Status)> done) {
  writer_->Update(std::move(fn), OnLoop(std::move(done)));
}

void Env::Batch(BatchStep step, Function<void(Status)> done) {
  writer_->Batch(std::move(step), OnLoop(std::move(done)));
}

Part::~Part() = default;

Component::Component(Runtime& runtime, Store& store, Logger logger, ComponentParameters parameters,
                     MakePart make)
    : runtime_(runtime),
      store_(store),
      logger_(logger.ForModule(parameters.name)),
      parameters_(std::move(parameters)),
      make_(std::move(make)) {}

Component::~Component() {
  Stop([] {});
}

void Component::Start(Function<void(Status)> done) noexcept {
  auto writer = store_.CurrentWriter();
  if (!writer.ok()) return done(writer.status());
  env_ = std::make_shared<Env>(runtime_, store_, *std::move(writer), logger_, parameters_.name);
  started_ = std::move(done);
  env_->loop().Post([this] {
    part_ = make_(*env_);
    auto [view, subscription] =
        store_.ReadAndWatch({parameters_.tables}, env_->loop(),
                            [this](const CommitPtr& commit) { part_->OnCommit(*commit); });
    subscription_ = std::move(subscription);
    part_->Begin(view);
    std::exchange(started_, nullptr)(Status::Ok());
  });
}

void Component::Stop(Function<void()> done) noexcept {
  if (env_) {
    env_->loop().Stop();
    subscription_.reset();
    part_.reset();
    env_.reset();
    // Stopped before it had begun.
    if (started_) std::exchange(started_, nullptr)({Code::kCancelled, "stopped"});
  }
  done();
}

}  // namespace swarm::component
