#include "store_impl.h"

#include <atomic>
#include <limits>
#include <mutex>
#include <string>

#include "swarm/store_errors.h"

namespace swarm::store {
namespace {

// Objects written to a snapshot before other work of the loop gets a turn.
constexpr std::size_t kCaptureStep = 512;

Status Stopped() { return {Code::kUnavailable, std::string(store_errors::kStopped)}; }

// Calls `done` in any case, so that who waits for a snapshot is not left waiting by a stop.
class CaptureDone {
 public:
  explicit CaptureDone(Function<void(Result<StoreImage>)> done) : done_(std::move(done)) {}
  CaptureDone(const CaptureDone&) = delete;
  CaptureDone& operator=(const CaptureDone&) = delete;
  ~CaptureDone() { Call(Stopped()); }
  void Call(Result<StoreImage> image) {
    if (auto done = std::exchange(done_, nullptr)) done(std::move(image));
  }

 private:
  Function<void(Result<StoreImage>)> done_;
};

}  // namespace

struct StoreImpl::Core : std::enable_shared_from_this<StoreImpl::Core> {
  Core(Runtime& runtime, Consensus& consensus, Logger logger, PipelineLimits limits)
      : clock(runtime.clock()),
        pipeline(consensus, runtime.clock(), std::move(logger), watchers, limits,
                 [this] { Wake(); }),
        loop(runtime.NewLoop("store", LoopKind::kShared)),
        capture_loop(runtime.NewLoop("store-capture", LoopKind::kShared)) {}

  // While it lives the loop is at one piece of work.
  class Work {
   public:
    explicit Work(Core& core) : core_(core) {
      core_.busy_since = core_.clock.SteadyNow().time_since_epoch().count();
    }
    Work(const Work&) = delete;
    Work& operator=(const Work&) = delete;
    ~Work() { core_.busy_since = kIdle; }

   private:
    Core& core_;
  };

  void Wake() {
    loop->Post([weak = weak_from_this()] {
      const auto self = weak.lock();
      if (!self) return;
      const Work work(*self);
      self->pipeline.Pump();
    });
  }

  void Capture(std::shared_ptr<SnapshotWriter> writer, std::shared_ptr<CaptureDone> done) {
    capture_loop->Post(
        [weak = weak_from_this(), writer = std::move(writer), done = std::move(done)]() mutable {
          const auto self = weak.lock();
          if (!self) return;
          if (writer->Write(kCaptureStep)) return self->Capture(std::move(writer), std::move(done));
          const Index index = writer->root().index;
          done->Call(StoreImage{index, writer->Take()});
        });
  }

  static constexpr SteadyTime::rep kIdle = std::numeric_limits<SteadyTime::rep>::min();

  const Clock& clock;
  std::atomic<SteadyTime::rep> busy_since{kIdle};
  Watchers watchers;
  Pipeline pipeline;  // of the loop
  // After what they run on, so that they end first.
  const std::unique_ptr<Loop> loop;
  const std::unique_ptr<Loop> capture_loop;
};

namespace {

class StoreWriter final : public Writer {
 public:
  StoreWriter(std::weak_ptr<StoreImpl::Core> core, LeaderEpoch epoch)
      : core_(std::move(core)), epoch_(epoch) {}

  LeaderEpoch epoch() const noexcept override { return epoch_; }
  void Update(TransactionFn fn, UpdateDone done) noexcept override {
    Add({epoch_, std::move(fn), {}, std::move(done)});
  }
  void Batch(BatchStep step, UpdateDone done) noexcept override {
    Add({epoch_, {}, std::move(step), std::move(done)});
  }

 private:
  void Add(Job job) {
    const auto core = core_.lock();
    if (!core) return;
    core->loop->Post([weak = core_, job = std::make_shared<Job>(std::move(job))] {
      const auto self = weak.lock();
      if (!self) return;
      const StoreImpl::Core::Work work(*self);
      self->pipeline.Add(job);
    });
  }

  const std::weak_ptr<StoreImpl::Core> core_;
  const LeaderEpoch epoch_;
};

}  // namespace

StoreImpl::StoreImpl(Runtime& runtime, Consensus& consensus, Logger logger, PipelineLimits limits)
    : core_(std::make_shared<Core>(runtime, consensus, std::move(logger), limits)) {
  consensus.Attach(*this);
}

StoreImpl::~StoreImpl() { Stop(); }

void StoreImpl::Stop() noexcept {
  core_->capture_loop->Stop();
  core_->loop->Stop();
  // The loop has ended, so nothing else touches the pipeline.
  core_->pipeline.Abandon(Stopped());
}

void StoreImpl::Post(Function<void(Core&)> fn) {
  core_->loop->Post([weak = std::weak_ptr(core_), fn = std::move(fn)]() mutable {
    const auto core = weak.lock();
    if (!core) return;
    const Core::Work work(*core);
    fn(*core);
  });
}

ViewPtr StoreImpl::Read() const noexcept { return core_->watchers.Read(); }

std::unique_ptr<Subscription> StoreImpl::Watch(WatchOptions options, Loop& loop,
                                               Function<void(CommitPtr)> fn) noexcept {
  return core_->watchers.Watch(options, loop, std::move(fn)).second;
}

std::pair<ViewPtr, std::unique_ptr<Subscription>> StoreImpl::ReadAndWatch(
    WatchOptions options, Loop& loop, Function<void(CommitPtr)> fn) noexcept {
  return core_->watchers.Watch(options, loop, std::move(fn));
}

Result<WriterPtr> StoreImpl::CurrentWriter() noexcept {
  const std::optional<LeaderEpoch> epoch = core_->watchers.leader();
  if (!epoch) return store_errors::Make(store_errors::kLostLeader);
  return WriterPtr(std::make_shared<StoreWriter>(core_, *epoch));
}

std::unique_ptr<Subscription> StoreImpl::WatchLeadership(
    Loop& loop, Function<void(std::optional<LeaderEpoch>)> fn) noexcept {
  return core_->watchers.WatchLeadership(loop, std::move(fn));
}

void StoreImpl::OnCommitted(std::vector<CommittedEntry> entries) noexcept {
  Post([entries = std::move(entries)](Core& core) { core.pipeline.OnCommitted(entries); });
}

void StoreImpl::OnRestore(StoreImage image) noexcept {
  Post([image = std::move(image)](Core& core) { core.pipeline.OnRestore(image); });
}

void StoreImpl::OnLeader(LeaderEpoch epoch, Index commit) noexcept {
  Post([epoch, commit](Core& core) { core.pipeline.OnLeader(epoch, commit); });
}

void StoreImpl::OnFollower() noexcept {
  Post([](Core& core) { core.pipeline.OnFollower(); });
}

void StoreImpl::OnRefused(ProposalEpoch epoch, Sequence first, Status why) noexcept {
  Post([epoch, first, why = std::move(why)](Core& core) {
    core.pipeline.OnRefused(epoch, first, why);
  });
}

void StoreImpl::Capture(Function<void(Result<StoreImage>)> done) noexcept {
  // Through the loop, so that the image has every entry passed on before this call.
  auto once = std::make_shared<CaptureDone>(std::move(done));
  Post([once = std::move(once)](Core& core) {
    core.Capture(std::make_shared<SnapshotWriter>(core.pipeline.committed()), once);
  });
}

std::int64_t StoreImpl::BusyMs() const noexcept {
  const SteadyTime::rep since = core_->busy_since;
  if (since == Core::kIdle) return 0;
  const Duration busy = core_->clock.SteadyNow() - SteadyTime(SteadyTime::duration(since));
  return std::chrono::duration_cast<std::chrono::milliseconds>(busy).count();
}

PipelineStats StoreImpl::StatsForTest() const { return core_->pipeline.stats(); }

}  // namespace swarm::store
