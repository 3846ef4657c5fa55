// What a request selects and what has arrived, without any call.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "progress.h"
#include "selection.h"

namespace swarm::logbroker {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

pb::LogMessage At(const std::string& task, std::int64_t nanos) {
  pb::LogMessage line;
  line.mutable_context()->set_task_id(task);
  line.mutable_context()->set_node_id("n1");
  line.mutable_timestamp()->set_nanos(static_cast<std::int32_t>(nanos));
  return line;
}

TEST(LogSelectionTest, ANodeCountsAsDoneOnce) {
  pb::LogSelector selector;
  selector.add_node_ids("n1");
  selector.add_node_ids("n2");
  Selection selection(selector, false);
  EXPECT_TRUE(selection.complete());
  Task task;
  task.id = "t";
  EXPECT_FALSE(selection.OnTask(task)) << "not selected";
  EXPECT_THAT(selection.Awaited(), IsEmpty());
}

TEST(LogSelectionTest, ANewTaskBringsItsNodeOnce) {
  pb::LogSelector selector;
  selector.add_service_ids("web");
  Selection selection(selector, true);
  Task task;
  task.id = "t1";
  task.service_id = "web";
  EXPECT_FALSE(selection.OnTask(task)) << "no node yet";
  task.node_id = "n1";
  EXPECT_EQ(selection.OnTask(task), "n1");
  EXPECT_FALSE(selection.OnTask(task));
  EXPECT_THAT(selection.Awaited(), ElementsAre("n1"));
  selection.Done("n1", "gone");
  EXPECT_TRUE(selection.Awaits("n1")) << "it may come back";
  EXPECT_FALSE(selection.complete());
  EXPECT_TRUE(selection.Outcome().ok());
}

TEST(LogProgressTest, LeavesOutWhatHasArrivedBefore) {
  Progress progress;
  EXPECT_FALSE(progress.Restart("n1"));
  EXPECT_TRUE(progress.Accept(At("a", 10)));
  EXPECT_TRUE(progress.Accept(At("a", 20)));
  EXPECT_TRUE(progress.Accept(At("a", 20)));
  EXPECT_TRUE(progress.Accept(At("b", 15)));
  EXPECT_EQ(progress.Restart("n1"), 15) << "the task furthest behind";
  EXPECT_FALSE(progress.Accept(At("a", 15)));
  EXPECT_FALSE(progress.Accept(At("a", 20)));
  EXPECT_FALSE(progress.Accept(At("a", 20)));
  EXPECT_TRUE(progress.Accept(At("a", 20))) << "a third with that time is new";
  EXPECT_TRUE(progress.Accept(At("a", 30)));
  EXPECT_FALSE(progress.Accept(At("b", 15)));
  EXPECT_TRUE(progress.Accept(At("b", 16)));
  EXPECT_TRUE(progress.Accept(At("new", 1))) << "of a task not heard of before";
}

TEST(LogProgressTest, LinesWithoutATimeAreAllNew) {
  Progress progress;
  pb::LogMessage line;
  line.mutable_context()->set_task_id("a");
  EXPECT_TRUE(progress.Accept(line));
  progress.Restart("n1");
  EXPECT_TRUE(progress.Accept(line));
}

}  // namespace
}  // namespace swarm::logbroker
