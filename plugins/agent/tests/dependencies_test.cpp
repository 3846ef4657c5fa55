#include "dependencies.h"

#include <gtest/gtest.h>

namespace swarm::agent {
namespace {

class DependenciesTest : public testing::Test {
 protected:
  void Secret(const std::string& id, const std::string& data, const char* templating = nullptr) {
    auto* secret = Change()->mutable_secret();
    secret->set_id(id);
    secret->mutable_spec()->set_data(data);
    if (templating) secret->mutable_spec()->mutable_templating()->set_name(templating);
  }
  void Config(const std::string& id, const std::string& data, const char* templating = nullptr) {
    auto* config = Change()->mutable_config();
    config->set_id(id);
    config->mutable_spec()->set_data(data);
    if (templating) config->mutable_spec()->mutable_templating()->set_name(templating);
  }
  pb::Assignment* Change() { return message.add_changes()->mutable_assignment(); }
  void Use(const std::string& secret, const std::string& config) {
    auto* s = task.mutable_spec()->mutable_container()->add_secrets();
    s->set_secret_id(secret);
    s->mutable_file()->set_name(secret + ".file");
    auto* c = task.mutable_spec()->mutable_container()->add_configs();
    c->set_config_id(config);
    c->mutable_file()->set_name(config + ".file");
  }
  std::unique_ptr<TaskDependencies> Make() {
    store->Apply(message, true);
    message.clear_changes();
    task.set_id("t1");
    task.set_slot(4);
    return std::make_unique<TaskDependencies>(
        store, task, std::make_shared<const std::string>(task.SerializeAsString()), nullptr);
  }

  std::shared_ptr<DependencyStore> store = std::make_shared<DependencyStore>();
  pb::AssignmentsMessage message;
  pb::Task task;
};

// Pinned by SwarmKit.
TEST_F(DependenciesTest, OnlyWhatTheTaskNamesCanBeRead) {
  Secret("s1", "one");
  Secret("s2", "two");
  Config("c1", "conf");
  Use("s1", "c1");
  Use("absent", "c1");
  auto d = Make();
  EXPECT_EQ((*d->Secret("s1"))->spec().data(), "one");
  EXPECT_EQ((*d->Config("c1"))->spec().data(), "conf");
  EXPECT_EQ(d->Secret("s2").status().message(), "task not authorized to access secret s2");
  EXPECT_EQ(d->Config("c2").status().message(), "task not authorized to access config c2");
  EXPECT_EQ(d->Secret("absent").status().message(), "secret absent not found");
}

// Pinned by SwarmKit.
TEST_F(DependenciesTest, ValueMadeForTheTaskIsPreferred) {
  Secret("s1", "shared");
  Secret("s1.t1", "own");
  Use("s1", "c1");
  auto d = Make();
  auto secret = *d->Secret("s1");
  EXPECT_EQ(secret->spec().data(), "own");
  EXPECT_EQ(secret->id(), "s1");
  EXPECT_FALSE(d->Secret("s1.t1").ok());
  EXPECT_EQ(store->Secret("s1.t1")->id(), "s1.t1") << "what is shared must not change";
}

TEST_F(DependenciesTest, IncrementalChangesAddAndRemove) {
  Secret("s1", "one");
  Secret("s2", "two");
  store->Apply(message, true);
  message.clear_changes();
  Secret("s1", "");
  message.mutable_changes(0)->set_action(pb::AssignmentChange::REMOVE);
  Secret("s3", "three");
  store->Apply(message, false);
  EXPECT_FALSE(store->Secret("s1"));
  EXPECT_TRUE(store->Secret("s2"));
  EXPECT_TRUE(store->Secret("s3"));
  store->Apply(pb::AssignmentsMessage(), true);
  EXPECT_FALSE(store->Secret("s2"));
}

TEST_F(DependenciesTest, PayloadsAreExpandedWhereTheySaySo) {
  Secret("s1", "{{.Task.Slot}}");
  Secret("s2", "slot {{.Task.Slot}} {{env \"HOME\"}}", "golang");
  Config("c1", "with {{secret \"s1.file\"}} {{config \"c2.file\"}}", "golang");
  Config("c2", "raw {{", nullptr);
  Use("s1", "c1");
  Use("s2", "c2");
  task.mutable_spec()->mutable_container()->add_env("HOME=/root");
  auto d = Make();
  EXPECT_EQ((*d->Secret("s1"))->spec().data(), "{{.Task.Slot}}");
  EXPECT_EQ((*d->Secret("s2"))->spec().data(), "slot 4 /root");
  EXPECT_EQ((*d->Config("c1"))->spec().data(), "with {{.Task.Slot}} raw {{");
}

TEST_F(DependenciesTest, BadTemplatesAreExplained) {
  Secret("s1", "x", "jinja");
  Config("c1", "{{config \"none\"}}", "golang");
  Use("s1", "c1");
  auto d = Make();
  EXPECT_EQ(d->Secret("s1").status().message(),
            "failed to expand templated secret s1: unrecognized template type");
  EXPECT_NE(d->Config("c1").status().message().find("config target none not found"),
            std::string::npos);
}

}  // namespace
}  // namespace swarm::agent
