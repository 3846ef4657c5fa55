// What the store costs, without disk and network: memory a task, and transactions a second of
// processor time.
//
//   store_bench [tasks]
#include <malloc.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fakes/memory_consensus.h"
#include "store_impl.h"
#include "swarm/simulation.h"

namespace swarm {
namespace {

// Of the processor, so that a busy machine changes little.
struct Stopwatch {
  static std::clock_t now() { return std::clock(); }
};
double SecondsSince(std::clock_t start) {
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

std::size_t AllocatedBytes() { return mallinfo2().uordblks + mallinfo2().hblkhd; }

// The log as real consensus keeps it, on disk and not in memory.
class Bench {
 public:
  explicit Bench(std::uint64_t tasks)
      : tasks_(tasks),
        sim_(1),
        machine_(sim_.AddMachine("bench")),
        consensus_(machine_.runtime()),
        store_(machine_.runtime(), consensus_, Logger()),
        random_(machine_.runtime().NewRandom()) {
    consensus_.KeepLog(false);
    consensus_.Lead();
    sim_.Settle();
    writer_ = store_.CurrentWriter().value();
  }
  ~Bench() {
    consensus_.Stop();
    store_.Stop();
  }

  void Run() {
    MakeIds();
    CreateTasks();
    UpdateTasks("status of each task, 200 a transaction", 200);
    UpdateTasks("status of each task, 1 a transaction", 1);
    CreateServices();
    List();
    Capture();
  }

 private:
  void MakeIds() {
    for (std::uint64_t i = 0; i < tasks_; ++i) ids_.push_back(NewId(*random_));
    for (int i = 0; i < 1000; ++i) nodes_.push_back(NewId(*random_));
    service_ = NewId(*random_);
  }

  std::shared_ptr<Task> NewTask(std::uint64_t i) {
    auto task = std::make_shared<Task>();
    task->id = ids_[i];
    task->service_id = service_;
    task->slot = i + 1;
    task->node_id = nodes_[i % nodes_.size()];
    task->spec = spec_;
    task->service_annotations = annotations_;
    task->desired_state = pb::RUNNING;
    task->status.state = pb::ASSIGNED;
    task->status.timestamp = {1'800'000'000, 1, true};
    task->status.message = "scheduler assigned task to node";
    return task;
  }

  void CreateTasks() {
    auto spec = std::make_shared<pb::TaskSpec>();
    spec->mutable_container()->set_image("busybox:latest");
    spec->mutable_container()->add_args("sleep");
    spec->mutable_container()->add_args("infinity");
    spec_ = std::move(spec);
    auto annotations = std::make_shared<pb::Annotations>();
    annotations->set_name("web");
    annotations_ = std::move(annotations);

    const std::size_t before = AllocatedBytes();
    const auto start = Stopwatch::now();
    std::uint64_t next = 0;
    writer_->Batch(
        [&](Transaction& tx) -> Result<bool> {
          SWARM_RETURN_IF_ERROR(tx.CreateTask(NewTask(next++)));
          return next < tasks_;
        },
        [](const Result<Index>& r) { Must(r.ok()); });
    sim_.Settle();
    const double seconds = SecondsSince(start);
    std::printf("created %llu tasks in a batch: %.0f tasks/s\n",
                static_cast<unsigned long long>(tasks_), static_cast<double>(tasks_) / seconds);
    std::printf("memory a task: %.0f bytes\n",
                static_cast<double>(AllocatedBytes() - before) / static_cast<double>(tasks_));
  }

  void UpdateTasks(const char* what, std::uint64_t together) {
    const std::size_t before = AllocatedBytes();
    const auto start = Stopwatch::now();
    const pb::TaskState state = together > 1 ? pb::RUNNING : pb::COMPLETE;
    for (std::uint64_t first = 0; first < tasks_; first += together) {
      writer_->Update(
          [this, first, together, state](Transaction& tx) {
            for (std::uint64_t i = first; i < std::min(tasks_, first + together); ++i) {
              SWARM_RETURN_IF_ERROR(SetStatus(tx, i, state));
            }
            return Status::Ok();
          },
          [](const Result<Index>& r) { Must(r.ok()); });
      if (first / together % 64 == 0) sim_.Settle();
    }
    sim_.Settle();
    std::printf("%s: %.0f tasks/s, %+.0f bytes a task\n", what,
                static_cast<double>(tasks_) / SecondsSince(start),
                (static_cast<double>(AllocatedBytes()) - static_cast<double>(before)) /
                    static_cast<double>(tasks_));
  }

  Status SetStatus(Transaction& tx, std::uint64_t i, pb::TaskState state) {
    auto task = std::make_shared<Task>(*tx.GetTask(ids_[i]));
    task->status.state = state;
    task->status.message = "started";
    task->status.applied_by = nodes_[0];
    task->status.applied_at = {1'800'000'001, 1, true};
    auto container = std::make_shared<TaskContainerStatus>();
    container->container_id = std::string(64, 'c');
    container->pid = 4711;
    task->status.container = std::move(container);
    return tx.UpdateTask(task);
  }

  void CreateServices() {
    constexpr int kServices = 20'000;
    const auto start = Stopwatch::now();
    for (int i = 0; i < kServices; ++i) {
      auto service = std::make_shared<pb::Service>();
      service->set_id(NewId(*random_));
      service->mutable_spec()->mutable_annotations()->set_name("s" + std::to_string(i));
      *service->mutable_spec()->mutable_task() = *spec_;
      writer_->Update([service](Transaction& tx) { return tx.Create(service); },
                      [](const Result<Index>& r) { Must(r.ok()); });
      if (i % 64 == 0) sim_.Settle();
    }
    sim_.Settle();
    std::printf("created services, 1 a transaction: %.0f transactions/s\n",
                kServices / SecondsSince(start));
  }

  void List() {
    const auto start = Stopwatch::now();
    std::size_t found = 0;
    const Status status = store_.Read()->FindTasks(By::Service(service_), [&](const TaskPtr& task) {
      found += task->slot != 0 ? 1 : 0;
      return true;
    });
    Must(status.ok() && found == tasks_);
    std::printf("found %zu tasks by service: %.2f us each\n", found,
                SecondsSince(start) * 1e6 / static_cast<double>(found));
  }

  void Capture() {
    const auto start = Stopwatch::now();
    store_.Capture([&](const Result<StoreImage>& image) {
      Must(image.ok());
      std::printf("snapshot of %.1f MB in %.2f s\n",
                  static_cast<double>(image.value().data.size()) / 1e6, SecondsSince(start));
    });
    sim_.Settle();
  }

  static void Must(bool good) {
    if (good) return;
    std::fprintf(stderr, "store_bench: something failed\n");
    std::exit(1);
  }

  const std::uint64_t tasks_;
  Simulation sim_;
  Machine& machine_;
  fakes::MemoryConsensus consensus_;
  store::StoreImpl store_;
  std::unique_ptr<Random> random_;
  WriterPtr writer_;
  std::vector<std::string> ids_;
  std::vector<std::string> nodes_;
  std::string service_;
  std::shared_ptr<const pb::TaskSpec> spec_;
  std::shared_ptr<const pb::Annotations> annotations_;
};

}  // namespace
}  // namespace swarm

int main(int argc, char** argv) {
  const std::uint64_t tasks = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 100'000;
  swarm::Bench(tasks == 0 ? 1 : tasks).Run();
  return 0;
}
