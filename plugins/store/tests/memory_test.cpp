// Equal parts of tasks are kept once, also when they come from the log or a snapshot.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "fakes/memory_consensus.h"
#include "store_impl.h"
#include "swarm/simulation.h"
#include "swarmkit/v1/raft.pb.h"

namespace swarm::store {
namespace {

class StoreMemoryTest : public testing::Test {
 protected:
  StoreMemoryTest()
      : machine_(sim_.AddMachine("m")),
        consensus_(machine_.runtime()),
        store_(machine_.runtime(), consensus_, Logger()) {}
  ~StoreMemoryTest() override {
    consensus_.Stop();
    store_.Stop();
  }

  static pb::StoreAction Create(const std::string& id, const std::string& image) {
    pb::StoreAction action;
    action.set_action(pb::STORE_ACTION_CREATE);
    action.mutable_task()->set_id(id);
    action.mutable_task()->mutable_spec()->mutable_container()->set_image(image);
    action.mutable_task()->mutable_service_annotations()->set_name("web");
    return action;
  }

  Simulation sim_{1};
  Machine& machine_;
  fakes::MemoryConsensus consensus_;
  StoreImpl store_;
};

TEST_F(StoreMemoryTest, EqualSpecsFromTheLogAreShared) {
  pb::InternalRaftRequest request;
  *request.add_action() = Create("t1", "busybox");
  *request.add_action() = Create("t2", "busybox");
  *request.add_action() = Create("t3", "nginx");
  consensus_.CommitForeign(request.SerializeAsString());
  sim_.Settle();
  const ViewPtr view = store_.Read();
  EXPECT_EQ(view->GetTask("t1")->spec, view->GetTask("t2")->spec);
  EXPECT_EQ(view->GetTask("t1")->service_annotations, view->GetTask("t3")->service_annotations);
  EXPECT_NE(view->GetTask("t1")->spec, view->GetTask("t3")->spec);
}

TEST_F(StoreMemoryTest, SharingSurvivesASnapshotAndKeepsNothingAlive) {
  pb::InternalRaftRequest request;
  *request.add_action() = Create("t1", "busybox");
  *request.add_action() = Create("t2", "busybox");
  consensus_.CommitForeign(request.SerializeAsString());
  sim_.Settle();
  StoreImage image;
  store_.Capture([&](Result<StoreImage> r) { image = *std::move(r); });
  sim_.Settle();
  consensus_.Restore({Index(10), ""});
  sim_.Settle();
  consensus_.Restore({Index(11), image.data});
  sim_.Settle();
  std::weak_ptr<const pb::TaskSpec> spec;
  {
    const ViewPtr view = store_.Read();
    EXPECT_EQ(view->GetTask("t1")->spec, view->GetTask("t2")->spec);
    spec = view->GetTask("t1")->spec;
  }
  consensus_.Restore({Index(12), ""});
  sim_.Settle();
  EXPECT_TRUE(spec.expired());
}

TEST_F(StoreMemoryTest, ARemovedObjectGoesWithTheLastViewOfIt) {
  consensus_.Lead();
  sim_.Settle();
  const WriterPtr writer = *store_.CurrentWriter();
  writer->Update(
      [](Transaction& tx) {
        auto node = std::make_shared<pb::Node>();
        node->set_id("n1");
        return tx.Create(node);
      },
      [](const Result<Index>&) {});
  sim_.Settle();
  ViewPtr view = store_.Read();
  const std::weak_ptr<const pb::Node> node = view->Get<pb::Node>("n1");
  writer->Update([](Transaction& tx) { return tx.Remove<pb::Node>("n1"); },
                 [](const Result<Index>&) {});
  sim_.Settle();
  EXPECT_FALSE(node.expired()) << "the old view has it";
  view.reset();
  EXPECT_TRUE(node.expired());
}

TEST_F(StoreMemoryTest, WaitersBeyondTheBoundArePatientAndServed) {
  fakes::MemoryConsensus consensus(machine_.runtime());
  StoreImpl small(machine_.runtime(), consensus, Logger(), {.entries = 3, .bytes = 1 << 20});
  consensus.Lead();
  sim_.Settle();
  consensus.Hold();
  int answered = 0;
  for (int i = 0; i < 50; ++i) {
    (*small.CurrentWriter())
        ->Update(
            [i](Transaction& tx) {
              auto node = std::make_shared<pb::Node>();
              node->set_id("n" + std::to_string(i));
              return tx.Create(node);
            },
            [&](const Result<Index>& r) { answered += r.ok() ? 1 : 0; });
  }
  sim_.Settle();
  EXPECT_EQ(consensus.held(), 3u);
  consensus.StopHolding();
  sim_.Settle();
  EXPECT_EQ(answered, 50);
  EXPECT_EQ(small.StatsForTest().most_in_flight, 3u);
  consensus.Stop();
}

}  // namespace
}  // namespace swarm::store
