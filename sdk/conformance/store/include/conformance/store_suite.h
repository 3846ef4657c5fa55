// What every implementation of store/1 must do. Link swarm_store_conformance into a test program
// and instantiate:
//
//   INSTANTIATE_TEST_SUITE_P(MyStore, swarm::conformance::StoreSuite,
//                            testing::Values(swarm::conformance::StoreFactory{"my", &Make}));
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "fakes/memory_consensus.h"
#include "swarm/consensus.h"
#include "swarm/simulation.h"
#include "swarm/store.h"

namespace swarm::conformance {

// A store, attached to the consensus it was made with.
class StoreHandle {
 public:
  virtual ~StoreHandle() = default;
  virtual Store& store() = 0;
  virtual ReplicatedState& state() = 0;
};

struct StoreFactory {
  std::string name;
  std::function<std::unique_ptr<StoreHandle>(Runtime&, Consensus&)> make;
};
inline std::ostream& operator<<(std::ostream& out, const StoreFactory& f) { return out << f.name; }

// Holds a store of any class that is both interfaces.
template <class Implementation>
class HandleOf final : public StoreHandle {
 public:
  template <class... Args>
  explicit HandleOf(Args&&... args) : store_(std::forward<Args>(args)...) {}
  Store& store() override { return store_; }
  ReplicatedState& state() override { return store_; }

 private:
  Implementation store_;
};

class StoreSuite : public testing::TestWithParam<StoreFactory> {
 protected:
  StoreSuite();
  ~StoreSuite() override;

  Store& store() { return handle_->store(); }
  WriterPtr writer() { return store().CurrentWriter().value(); }
  ViewPtr view() { return store().Read(); }

  // Runs the update to its end.
  Result<Index> Run(TransactionFn fn);
  Status Update(TransactionFn fn);
  // Begins the update; its outcome is in *result once there is one.
  std::shared_ptr<std::optional<Result<Index>>> Begin(TransactionFn fn);
  Result<Index> RunBatch(BatchStep step);

  template <class M>
  Status Create(std::shared_ptr<M> object) {
    return Update([=](Transaction& tx) { return tx.Create(object); });
  }
  Status CreateTask(std::shared_ptr<Task> task);

  // Ids of what `by` finds.
  template <class M>
  std::vector<std::string> Ids(const Reader& reader, const By& by) {
    std::vector<std::string> ids;
    const auto found = reader.Find<M>(by);
    EXPECT_TRUE(found.ok()) << found.status();
    if (found.ok()) {
      for (const auto& object : *found) ids.push_back(object->id());
    }
    return ids;
  }
  template <class M>
  std::vector<std::string> Ids(const By& by) {
    return Ids<M>(*view(), by);
  }
  std::vector<std::string> TaskIds(const Reader& reader, const By& by);
  std::vector<std::string> TaskIds(const By& by) { return TaskIds(*view(), by); }
  // The whole content as bytes of a StoreSnapshot.
  std::string Image();

  // Every commit since, one line each: "create node n1; update task t1 @7".
  struct Watcher {
    std::unique_ptr<Loop> loop;
    std::vector<CommitPtr> commits;
    std::unique_ptr<Subscription> subscription;
    ViewPtr view;
  };
  std::unique_ptr<Watcher> StartWatcher(std::vector<Table> tables = {});
  static std::string Describe(const Commit& commit);

  Simulation sim_;
  Machine& machine_;
  fakes::MemoryConsensus consensus_;
  std::unique_ptr<StoreHandle> handle_;
};

// Objects with just what the tests look at.
std::shared_ptr<pb::Node> MakeNode(const std::string& id, const std::string& hostname,
                                   pb::NodeRole role = pb::WORKER,
                                   pb::NodeSpec::Membership membership = pb::NodeSpec::PENDING);
std::shared_ptr<pb::Service> MakeService(const std::string& id, const std::string& name);
std::shared_ptr<pb::Network> MakeNetwork(const std::string& id, const std::string& name);
std::shared_ptr<pb::Extension> MakeExtension(const std::string& id, const std::string& name);
std::shared_ptr<pb::Resource> MakeResource(const std::string& id, const std::string& name,
                                           const std::string& kind);
std::shared_ptr<pb::Volume> MakeVolume(const std::string& id, const std::string& name,
                                       const std::string& group, const std::string& driver);
std::shared_ptr<Task> MakeTask(const std::string& id, const std::string& service,
                               std::uint64_t slot, const std::string& node = "");
// A copy to be edited.
template <class M>
std::shared_ptr<M> Copy(const std::shared_ptr<const M>& object) {
  return std::make_shared<M>(*object);
}
void AddIndex(pb::Annotations* annotations, const std::string& key, const std::string& value);

}  // namespace swarm::conformance
