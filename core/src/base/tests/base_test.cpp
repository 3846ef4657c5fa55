// Values: statuses, ids, logging levels, the compact task against its protobuf form.
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <cstring>
#include <set>

#include "base/log.h"
#include "swarm/ids.h"
#include "swarm/runtime.h"
#include "swarm/status.h"
#include "swarm/task.h"

namespace swarm {
namespace {

class FixedRandom final : public Random {
 public:
  explicit FixedRandom(std::uint64_t seed) : state_(seed) {}
  std::uint64_t Next() noexcept override {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return state_;
  }
  void Fill(std::span<std::byte> out) noexcept override {
    for (std::byte& b : out) b = static_cast<std::byte>(Next() >> 56);
  }

 private:
  std::uint64_t state_;
};

class FilledRandom final : public Random {
 public:
  explicit FilledRandom(unsigned char value) : value_(value) {}
  std::uint64_t Next() noexcept override { return value_; }
  void Fill(std::span<std::byte> out) noexcept override {
    std::memset(out.data(), value_, out.size());
  }

 private:
  unsigned char value_;
};

Result<int> Half(int n) {
  if (n % 2 != 0) return Status(Code::kInvalidArgument, "odd");
  return n / 2;
}

Result<int> Quarter(int n) {
  SWARM_ASSIGN_OR_RETURN(const int half, Half(n));
  return Half(half);
}

TEST(StatusTest, ContextGoesInFrontAndKeepsTheCode) {
  const Status status = Status(Code::kNotFound, "no such file").WithContext("node.key");
  EXPECT_EQ(status.ToString(), "NotFound: node.key: no such file");
  EXPECT_TRUE(Status::Ok().WithContext("anything").ok());
}

TEST(StatusTest, MacrosPassErrorsOnAndValuesThrough) {
  EXPECT_EQ(*Quarter(8), 2);
  EXPECT_EQ(Quarter(6).status().message(), "odd");
}

TEST(StatusDeathTest, ValueOfAnErrorAborts) {
  EXPECT_DEATH(static_cast<void>(Half(1).value()), "odd");
}

TEST(IdsTest, IdsHaveTwentyFiveLowerCaseBase36CharactersAndDiffer) {
  FixedRandom random(7);
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = NewId(random);
    ASSERT_EQ(id.size(), 25u);
    ASSERT_EQ(id.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz"), std::string::npos);
    seen.insert(id);
  }
  EXPECT_EQ(seen.size(), 1000u);
}

// 0x80 then zeros is 2^135, whose base-36 digits are known.
TEST(IdsTest, DigitsAreThoseOfTheBigEndianNumber) {
  FilledRandom zeros(0);
  FilledRandom ones(0xff);
  EXPECT_EQ(NewId(zeros), "hvy0lj3x0b883f8e30fyp2172");
  EXPECT_EQ(NewId(ones), "zrw1727u0mgg6ugs60vxe42e4");
}

TEST(RandomTest, BelowStaysInRangeAndReachesBothEnds) {
  FixedRandom random(1);
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 500; ++i) seen.insert(random.Below(5));
  EXPECT_EQ(seen, (std::set<std::uint64_t>{0, 1, 2, 3, 4}));
}

TEST(LogTest, LevelsAreThoseOfTheCommandLine) {
  EXPECT_EQ(*ParseLogLevel("warn"), LogLevel::kWarn);
  EXPECT_FALSE(ParseLogLevel("bogus").ok());
  EXPECT_NE(ParseLogLevel("bogus").status().message().find("\"bogus\""), std::string::npos);
  EXPECT_FALSE(Logger().Enabled(LogLevel::kError));
}

pb::Task FullTask() {
  pb::Task task;
  task.set_id("t1");
  task.mutable_meta()->mutable_version()->set_index(12);
  task.mutable_meta()->mutable_created_at()->set_seconds(3);
  task.mutable_meta()->mutable_updated_at()->set_nanos(4);
  task.mutable_spec()->mutable_container()->set_image("img");
  task.mutable_spec_version()->set_index(0);
  task.set_service_id("s1");
  task.set_slot(2);
  task.set_node_id("n1");
  task.mutable_annotations()->set_name("named");
  task.mutable_service_annotations()->set_name("web");
  task.mutable_status()->set_state(pb::RUNNING);
  task.mutable_status()->set_message("started");
  task.mutable_status()->set_err("none");
  task.mutable_status()->mutable_timestamp()->set_seconds(9);
  task.mutable_status()->mutable_container()->set_pid(77);
  task.mutable_status()->mutable_port_status()->add_ports()->set_target_port(80);
  task.mutable_status()->set_applied_by("m1");
  task.mutable_status()->mutable_applied_at()->set_seconds(10);
  task.set_desired_state(pb::RUNNING);
  task.add_networks()->add_addresses("10.0.0.2/24");
  task.mutable_endpoint()->mutable_spec()->set_mode(pb::EndpointSpec::DNSRR);
  task.mutable_log_driver()->set_name("json-file");
  task.add_assigned_generic_resources()->mutable_named_resource_spec()->set_kind("gpu");
  task.mutable_job_iteration()->set_index(5);
  task.add_volumes()->set_id("v1");
  task.GetReflection()->MutableUnknownFields(&task)->AddVarint(900, 1);
  return task;
}

TEST(TaskTest, EveryFieldSurvivesTheWayThroughTheCompactForm) {
  const pb::Task task = FullTask();
  EXPECT_EQ(TaskToProto(TaskFromProto(task)).SerializeAsString(), task.SerializeAsString());
}

TEST(TaskTest, FieldsGoAroundOneByOne) {
  const pb::Task full = FullTask();
  const auto* reflection = full.GetReflection();
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  reflection->ListFields(full, &fields);
  ASSERT_EQ(fields.size(), static_cast<std::size_t>(pb::Task::descriptor()->field_count()));
}

TEST(TaskTest, AbsentPartsStayAbsentButAlwaysEncodedOnesAppear) {
  const pb::Task out = TaskToProto(TaskFromProto(pb::Task()));
  EXPECT_TRUE(out.has_meta());
  EXPECT_TRUE(out.has_spec());
  EXPECT_TRUE(out.has_status());
  EXPECT_FALSE(out.has_spec_version());
  EXPECT_FALSE(out.has_endpoint());
  EXPECT_FALSE(out.has_job_iteration());
  EXPECT_FALSE(out.status().has_container());
}

TEST(TaskTest, NamesFollowAnnotationThenSlotThenNode) {
  Task task = TaskFromProto(FullTask());
  EXPECT_EQ(TaskName(task), "named");
  task.extras = nullptr;
  EXPECT_EQ(TaskName(task), "web.2.t1");
  task.slot = 0;
  EXPECT_EQ(TaskName(task), "web.n1.t1");
}

TEST(TaskTest, RuntimeNamesAreLowerCase) {
  pb::TaskSpec spec;
  EXPECT_EQ(RuntimeName(spec), "");
  spec.mutable_generic()->set_kind("Plugin");
  EXPECT_EQ(RuntimeName(spec), "plugin");
  spec.mutable_container();
  EXPECT_EQ(RuntimeName(spec), "container");
}

}  // namespace
}  // namespace swarm
