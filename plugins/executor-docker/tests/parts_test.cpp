// The pure parts: what an engine's answers mean, log lines, archives.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>

#include "describe.h"
#include "inspect.h"
#include "log_lines.h"
#include "payload.h"

namespace swarm::executor_docker {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// --- the node ---

json Info() {
  return json::parse(R"({"Name":"node-1","OSType":"linux","Architecture":"x86_64","NCPU":2,
    "MemTotal":25276514304,"ServerVersion":"20.10.24+dfsg1",
    "Labels":["disk=ssd","plain","a=b=c","disk=hdd"],
    "Plugins":{"Volume":["local"],"Network":["overlay","host","bridge"],"Authorization":null,
               "Log":["syslog","json-file"]},
    "GenericResources":[{"NamedResourceSpec":{"Kind":"gpu","Value":"u1"}},
                        {"DiscreteResourceSpec":{"Kind":"ssd","Value":3}}],
    "Swarm":{"LocalNodeState":"inactive","ControlAvailable":false}})");
}

std::vector<std::string> PluginsOf(const pb::NodeDescription& description) {
  std::vector<std::string> out;
  for (const auto& plugin : description.engine().plugins())
    out.push_back(plugin.type() + "/" + plugin.name());
  return out;
}

TEST(DescribeTest, TellsWhatTheEngineOffers) {
  const pb::NodeDescription out = DescriptionOf(Info(), nullptr);
  EXPECT_EQ(out.hostname(), "node-1");
  EXPECT_EQ(out.platform().architecture(), "x86_64");
  EXPECT_EQ(out.platform().os(), "linux");
  EXPECT_EQ(out.resources().nano_cpus(), 2'000'000'000);
  EXPECT_EQ(out.resources().memory_bytes(), 25276514304);
  EXPECT_EQ(out.engine().engine_version(), "20.10.24+dfsg1");
  ASSERT_EQ(out.resources().generic_size(), 2);
  EXPECT_EQ(out.resources().generic(0).named_resource_spec().value(), "u1");
  EXPECT_EQ(out.resources().generic(1).discrete_resource_spec().value(), 3);
  const auto& labels = out.engine().labels();
  EXPECT_EQ(labels.size(), 2u);
  EXPECT_EQ(labels.at("disk"), "hdd") << "the last wins";
  EXPECT_EQ(labels.at("a"), "b=c");
}

TEST(DescribeTest, PluginsAreSortedAndOverlayIsClaimedOnlyWhereItWorks) {
  EXPECT_THAT(
      PluginsOf(DescriptionOf(Info(), nullptr)),
      ElementsAre("Log/json-file", "Log/syslog", "Network/bridge", "Network/host", "Volume/local"));
  json manager = Info();
  manager["Swarm"] = {{"LocalNodeState", "active"}, {"ControlAvailable", true}};
  EXPECT_THAT(PluginsOf(DescriptionOf(manager, nullptr)), testing::Contains("Network/overlay"));
}

TEST(DescribeTest, EnabledManagedPluginsCount) {
  const auto plugin = [](const char* name, bool enabled, const char* type) {
    return json{
        {"Name", name}, {"Enabled", enabled}, {"Config", {{"Interface", {{"Types", {type}}}}}}};
  };
  const json plugins = {plugin("nfs:latest", true, "docker.volumedriver/1.0"),
                        plugin("off:latest", false, "docker.volumedriver/1.0"),
                        plugin("odd:latest", true, "docker.secretprovider/1.0"),
                        plugin("foreign:latest", true, "other.volumedriver/1.0")};
  EXPECT_THAT(PluginsOf(DescriptionOf(json::object(), plugins)),
              ElementsAre("Volume/nfs:latest", "secretprovider/odd:latest"));
}

// --- a container ---

TEST(InspectTest, ReadsState) {
  const auto view = ParseContainer(json::parse(R"({"Id":"abc","State":{"Status":"exited",
    "Pid":0,"ExitCode":137,"OOMKilled":true,"Error":"","Health":{"Status":"unhealthy","FailingStreak":3}},
    "Config":{"Tty":true,"Labels":{"a":"b"}},
    "NetworkSettings":{"Networks":{"front":{},"back":{}},"Ports":{}}})"));
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_EQ(view->state, RunState::kExited);
  EXPECT_EQ(view->exit_code, 137);
  EXPECT_TRUE(view->out_of_memory);
  EXPECT_EQ(view->health, Health::kUnhealthy);
  EXPECT_TRUE(view->terminal);
  EXPECT_THAT(view->networks, ElementsAre("back", "front"));
}

TEST(InspectTest, ChecksThatEndedWithTheirContainerSayNothing) {
  const auto view = ParseContainer(json::parse(R"({"Id":"abc","State":{"Status":"exited",
    "ExitCode":0,"Health":{"Status":"unhealthy","FailingStreak":0}}})"));
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_EQ(view->health, Health::kStarting);
}

TEST(InspectTest, APortIsToldOnceForBothKindsOfAddress) {
  const auto view = ParseContainer(json::parse(R"({"Id":"abc","State":{"Status":"running","Pid":7},
    "NetworkSettings":{"Ports":{"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"32768"},
                                          {"HostIp":"::","HostPort":"32768"}],
                                "53/udp":[{"HostIp":"0.0.0.0","HostPort":"53"}],
                                "99/tcp":null}}})"));
  ASSERT_TRUE(view.ok()) << view.status();
  ASSERT_EQ(view->ports.size(), 2u);
  EXPECT_EQ(view->ports[0].protocol(), pb::PortConfig::UDP);
  EXPECT_EQ(view->ports[1].target_port(), 80u);
  EXPECT_EQ(view->ports[1].published_port(), 32768u);
  EXPECT_EQ(view->ports[1].publish_mode(), pb::PortConfig::HOST);
}

TEST(InspectTest, WhatIsNotAContainerIsAnError) {
  EXPECT_EQ(ParseContainer(json::array()).status().code(), Code::kDataLoss);
  EXPECT_EQ(ParseContainerList(json::object()).status().code(), Code::kDataLoss);
  EXPECT_THAT(ParseContainer(json::parse(R"({"Id":"a","NetworkSettings":{"Ports":
    {"80/odd":[{"HostPort":"1"}]}}})"))
                  .status()
                  .message(),
              HasSubstr("invalid protocol: odd"));
}

// --- output ---

TEST(LogLinesTest, ReadsTimes) {
  EXPECT_EQ(ParseTimestamp("1970-01-01T00:00:01.000000002Z"), 1'000'000'002);
  EXPECT_EQ(ParseTimestamp("2026-11-21T05:03:34.641909212Z"), 1795237414641909212);
  EXPECT_EQ(ParseTimestamp("1970-01-01T00:00:00.5Z"), 500'000'000);
  EXPECT_EQ(ParseTimestamp("1970-01-01T00:00:00Z"), 0);
  for (const char* wrong : {"", "Z", "1970-01-01 00:00:00Z", "1970-13-01T00:00:00Z",
                            "1970-01-01T00:00:00.Z", "1970-01-01T00:00:00.1234567890Z", "hello"}) {
    EXPECT_FALSE(ParseTimestamp(wrong)) << wrong;
  }
}

TEST(LogLinesTest, FramesBecomeLinesWithTheirTime) {
  std::vector<LogLine> got;
  LogLines lines(false, [&](LogLine line) { got.push_back(std::move(line)); });
  lines.Add({engine::Frame::kStdout, "1970-01-01T00:00:00.000000005Z out\n"});
  lines.Add({engine::Frame::kStderr, "1970-01-01T00:00:00.000000004Z err\n"});
  lines.Add({engine::Frame::kEngineError, "Error grabbing logs: oops\n"});
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(got[0].data, "out\n");
  EXPECT_EQ(got[0].unix_nanos, 5);
  EXPECT_FALSE(got[0].standard_error);
  EXPECT_TRUE(got[1].standard_error);
  EXPECT_EQ(got[1].unix_nanos, 5) << "never less than the line's before";
  EXPECT_EQ(lines.error(), "Error grabbing logs: oops");
}

TEST(LogLinesTest, ATerminalsPiecesBecomeLines) {
  std::vector<std::string> got;
  LogLines lines(true, [&](const LogLine& line) { got.push_back(line.data); });
  for (const char* piece : {"1970-01-01T00:0", "0:01Z one\r\n1970-01-01T00:00:02Z t", "wo\r\n",
                            "1970-01-01T00:00:03Z rest"}) {
    lines.Add({engine::Frame::kStdout, piece});
  }
  EXPECT_THAT(got, ElementsAre("one\r\n", "two\r\n"));
  lines.Finish();
  EXPECT_THAT(got, ElementsAre("one\r\n", "two\r\n", "rest"));
}

// --- payloads ---

class Given final : public Dependencies {
 public:
  Result<std::shared_ptr<const pb::Secret>> Secret(std::string_view id) const noexcept override {
    if (id != "s") return Status(Code::kNotFound, "secret " + std::string(id) + " not found");
    auto secret = std::make_shared<pb::Secret>();
    secret->mutable_spec()->set_data("hush");
    return std::shared_ptr<const pb::Secret>(secret);
  }
  Result<std::shared_ptr<const pb::Config>> Config(std::string_view) const noexcept override {
    auto config = std::make_shared<pb::Config>();
    config->mutable_spec()->set_data("open");
    return std::shared_ptr<const pb::Config>(config);
  }
};

pb::Task WithPayloads() {
  pb::Task task;
  task.set_id("t");
  auto* spec = task.mutable_spec()->mutable_container();
  auto* secret = spec->add_secrets();
  secret->set_secret_id("s");
  secret->mutable_file()->set_name("key");
  secret->mutable_file()->set_uid("7");
  secret->mutable_file()->set_gid("8");
  secret->mutable_file()->set_mode(0400);
  auto* config = spec->add_configs();
  config->set_config_id("c");
  config->mutable_file()->set_name("etc/app.conf");
  config->mutable_file()->set_mode(0444);
  spec->add_configs()->mutable_runtime();
  return task;
}

TEST(PayloadTest, FilesLieWhereTheirTargetsSay) {
  const Given given;
  const auto files = PayloadsOf(WithPayloads(), &given);
  ASSERT_TRUE(files.ok()) << files.status();
  ASSERT_EQ(files->size(), 2u) << "a runtime's config is no file";
  EXPECT_EQ((*files)[0].target, "/run/secrets/key");
  EXPECT_EQ((*files)[0].data, "hush");
  EXPECT_TRUE((*files)[0].secret);
  EXPECT_EQ((*files)[1].target, "/etc/app.conf");
  EXPECT_FALSE((*files)[1].secret);
}

TEST(PayloadTest, WhatIsMissingIsNamed) {
  pb::Task task = WithPayloads();
  EXPECT_THAT(PayloadsOf(task, nullptr).status().message(), HasSubstr("secret s"));
  task.mutable_spec()->mutable_container()->mutable_secrets(0)->set_secret_id("other");
  const Given given;
  EXPECT_EQ(PayloadsOf(task, &given).status().message(), "secret other not found");
}

TEST(PayloadTest, TheArchiveIsOneThatTarReads) {
  const Given given;
  auto files = *PayloadsOf(WithPayloads(), &given);
  files[1].target = "/" + std::string(120, 'd') + "/" + std::string(90, 'f');
  const auto archive = TarOf(files);
  ASSERT_TRUE(archive.ok()) << archive.status();
  const std::string folder = testing::TempDir() + "/archive-" + std::to_string(::getpid());
  ASSERT_EQ(::mkdir(folder.c_str(), 0700), 0);
  std::ofstream(folder + "/a.tar") << *archive;
  EXPECT_EQ(std::system(("cd '" + folder + "' && tar xpf a.tar").c_str()), 0);
  std::ifstream in(folder + "/run/secrets/key");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), "hush");
  struct stat found {};
  ASSERT_EQ(::stat((folder + "/run/secrets/key").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0400u);
  if (::geteuid() == 0) {
    EXPECT_EQ(found.st_uid, 7u);
    EXPECT_EQ(found.st_gid, 8u);
  }
  EXPECT_EQ(::access((folder + files[1].target).c_str(), R_OK), 0);
  EXPECT_EQ(std::system(("rm -rf '" + folder + "'").c_str()), 0);
  files[0].target = "/" + std::string(300, 'x');
  EXPECT_THAT(TarOf(files).status().message(), HasSubstr("too long"));
}

}  // namespace
}  // namespace swarm::executor_docker
