#include "config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/check.h"
#include "config/schema.h"
#include "config/tests/fake_plugins.h"
#include "config/tree.h"
#include "config/values.h"

namespace swarm::config {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ConfigTest : public testing::Test {
 protected:
  LoadResult LoadText(std::string_view text, const std::vector<Override>& overrides = {}) {
    return Load(text, "f.yaml", overrides, plugins_.find());
  }
  NodeConfig Good(std::string_view text, const std::vector<Override>& overrides = {}) {
    LoadResult result = LoadText(text, overrides);
    EXPECT_THAT(result.errors, IsEmpty());
    return std::move(result.config);
  }
  static std::vector<std::string> Names(const NodeConfig& config) {
    std::vector<std::string> names;
    for (const auto& plugin : config.plugins) names.push_back(plugin.name);
    return names;
  }
  static const host::ConfiguredPlugin& Plugin(const NodeConfig& config, std::string_view name) {
    for (const auto& plugin : config.plugins) {
      if (plugin.name == name) return plugin;
    }
    ADD_FAILURE() << "no plugin " << name;
    return config.plugins.front();
  }

  FakePlugins plugins_;
};

TEST_F(ConfigTest, EmptyFileIsTheBuiltInManager) {
  const NodeConfig config = Good("");
  EXPECT_EQ(config.node.state_dir, "/var/lib/swarmd");
  EXPECT_FALSE(config.node.leave_on_stop);
  EXPECT_EQ(config.listen.remote, "0.0.0.0:4242");
  EXPECT_EQ(config.listen.control.socket, "/var/run/swarmd.sock");
  EXPECT_EQ(config.listen.control.mode, 0660u);
  EXPECT_EQ(config.log.level, "info");
  EXPECT_THAT(Names(config),
              ElementsAre("standalone", "store", "proxy-direct", "dispatcher", "ca", "agent",
                          "process", "controlapi", "orchestrator", "scheduler", "allocator",
                          "keymanager", "rolemanager", "gossip", "logbroker"));
  EXPECT_TRUE(Plugin(config, "process").is_default);
  EXPECT_STREQ(Plugin(config, "process").descriptor->name, "executor-process");
}

TEST_F(ConfigTest, EveryKeyOfTheFileArrives) {
  const NodeConfig config = Good(R"(
node: {hostname: m1, state_dir: /s, on_stop: leave, force_new_cluster: true, auto_lock: true,
       unlock_key: SWMKEY-1-x, external_cas: ["protocol=cfssl,url=https://ca"]}
listen:
  remote: 10.0.0.1:1
  advertise: 10.0.0.2:2
  metrics: 10.0.0.3:3
  debug: 10.0.0.4:4
  control: {socket: /c.sock, mode: "0600", group: adm, plaintext: true}
join: {address: "m0:4242", token_file: /t, token: SWMTKN-1-y}
log: {level: debug, format: json}
plugins:
  path: [/a, /b]
  consensus: {use: raft, election_timeout: 1m, segment_bytes: 1.5MiB}
  executor:
    - {use: sim, name: big, cpus: 64, labels: {disk: ssd}}
    - {use: sim, name: small, default: true}
  components: [{use: scheduler, strategy: binpack, filters: [a, b], dry_run: true}]
)");
  EXPECT_EQ(config.node.hostname, "m1");
  EXPECT_TRUE(config.node.leave_on_stop);
  EXPECT_TRUE(config.node.force_new_cluster);
  EXPECT_TRUE(config.node.auto_lock);
  EXPECT_EQ(config.node.unlock_key, "SWMKEY-1-x");
  EXPECT_THAT(config.node.external_cas, ElementsAre("protocol=cfssl,url=https://ca"));
  EXPECT_EQ(config.listen.advertise, "10.0.0.2:2");
  EXPECT_EQ(config.listen.metrics, "10.0.0.3:3");
  EXPECT_EQ(config.listen.debug, "10.0.0.4:4");
  EXPECT_EQ(config.listen.control.mode, 0600u);
  EXPECT_EQ(config.listen.control.group, "adm");
  EXPECT_TRUE(config.listen.control.plaintext);
  EXPECT_EQ(config.join.address, "m0:4242");
  EXPECT_EQ(config.join.token, "SWMTKN-1-y");
  EXPECT_EQ(config.join.token_file, "/t");
  EXPECT_EQ(config.log.format, "json");
  EXPECT_THAT(config.plugin_path, ElementsAre("/a", "/b"));
  EXPECT_EQ(Plugin(config, "raft").settings.GetDuration("election_timeout"), minutes(1));
  EXPECT_EQ(Plugin(config, "raft").settings.GetDuration("heartbeat_interval"), milliseconds(100));
  EXPECT_EQ(Plugin(config, "raft").settings.GetInteger("segment_bytes"), 1572864);
  EXPECT_EQ(Plugin(config, "raft").place, "f.yaml:14:14");
  EXPECT_EQ(Plugin(config, "big").settings.GetInteger("cpus"), 64);
  EXPECT_EQ(Plugin(config, "big").settings.GetStringMap("labels").at("disk"), "ssd");
  EXPECT_FALSE(Plugin(config, "big").is_default);
  EXPECT_TRUE(Plugin(config, "small").is_default);
  EXPECT_EQ(Plugin(config, "scheduler").settings.GetString("strategy"), "binpack");
  EXPECT_TRUE(Plugin(config, "scheduler").settings.GetBool("dry_run"));
  EXPECT_THAT(Plugin(config, "scheduler").settings.GetStringList("filters"), ElementsAre("a", "b"));
}

TEST_F(ConfigTest, SectionsLeftOutAreTheBuiltInOnes) {
  const NodeConfig config = Good("plugins: {consensus: {use: raft}, components: []}\n");
  EXPECT_THAT(Names(config), ElementsAre("raft", "store", "proxy-direct", "dispatcher", "ca",
                                         "agent", "process", "controlapi"));
}

TEST_F(ConfigTest, NoneLeavesASinglePluginOut) {
  const NodeConfig config = Good("plugins: {ca: {use: none}, components: []}\n");
  EXPECT_THAT(Names(config), testing::Not(testing::Contains("ca")));
}

TEST_F(ConfigTest, FirstExecutorIsTheDefault) {
  const NodeConfig config = Good("plugins: {executor: [{use: sim}, {use: process}]}\n");
  EXPECT_TRUE(Plugin(config, "sim").is_default);
  EXPECT_FALSE(Plugin(config, "process").is_default);
}

TEST_F(ConfigTest, FlagsWinOverTheFile) {
  const NodeConfig config =
      Good("node: {hostname: file}\nplugins: {consensus: {use: raft, election_timeout: 3s}}\n",
           {{"--hostname", "node.hostname", "flag"},
            {"--election-timeout", "plugins.consensus.election_timeout", "5s"},
            {"--join-addr", "join.address", "m:1"},
            {"--listen-control-api", "listen.control.socket", "/x.sock"}});
  EXPECT_EQ(config.node.hostname, "flag");
  EXPECT_EQ(Plugin(config, "raft").settings.GetDuration("election_timeout"), seconds(5));
  EXPECT_EQ(config.join.address, "m:1");
  EXPECT_EQ(config.listen.control.socket, "/x.sock");
}

TEST_F(ConfigTest, RepeatedFlagsMakeAListOrTheLastOneCounts) {
  const NodeConfig config =
      Good("node: {external_cas: [z]}\n", {{"--external-ca", "node.external_cas", "a"},
                                           {"--external-ca", "node.external_cas", "b"},
                                           {"--hostname", "node.hostname", "x"},
                                           {"--hostname", "node.hostname", "y"},
                                           {"--plugin-path", "plugins.path", "/p"}});
  EXPECT_THAT(config.node.external_cas, ElementsAre("a", "b"));
  EXPECT_EQ(config.node.hostname, "y");
  EXPECT_THAT(config.plugin_path, ElementsAre("/p"));
}

TEST_F(ConfigTest, FlagReachesAnEntryOfAList) {
  const NodeConfig config = Good("plugins: {executor: [{use: process}, {use: sim}]}\n",
                                 {{"--cpus", "plugins.executor.sim.cpus", "9"},
                                  {"--label", "plugins.executor.sim.labels", "a=b"},
                                  {"--label", "plugins.executor.sim.labels", "c=d"}});
  EXPECT_EQ(Plugin(config, "sim").settings.GetInteger("cpus"), 9);
  EXPECT_EQ(Plugin(config, "sim").settings.GetStringMap("labels").at("c"), "d");
}

TEST_F(ConfigTest, FlagChoosesThePlugin) {
  const NodeConfig config = Good(
      "plugins: {executor: [{use: process, default: true}, {use: sim, cpus: 3}]}\n",
      {{"--consensus", "plugins.consensus", "raft"}, {"--executor", "plugins.executor", "sim"}});
  EXPECT_EQ(Plugin(config, "raft").section, "consensus");
  EXPECT_THAT(Names(config), testing::Not(testing::Contains("process")));
  EXPECT_TRUE(Plugin(config, "sim").is_default);
  EXPECT_EQ(Plugin(config, "sim").settings.GetInteger("cpus"), 3);
}

TEST_F(ConfigTest, FlagWithAWrongValueIsNamed) {
  EXPECT_THAT(LoadText("", {{"--on-stop", "node.on_stop", "explode"}}).errors,
              ElementsAre("--on-stop: node.on_stop: expected one of detach, leave, got "
                          "\"explode\""));
  EXPECT_THAT(LoadText("", {{"--executor", "plugins.executor", "magic"}}).errors,
              ElementsAre("--executor: plugins.executor.use: no plugin executor-magic"));
}

TEST_F(ConfigTest, FlagOfAKeyNobodyHasIsAnErrorUnlessForgiven) {
  Override override{"--election-tick", "plugins.consensus.election_tick", "10"};
  EXPECT_THAT(LoadText("", {override}).errors,
              ElementsAre(HasSubstr("--election-tick: unknown key \"election_tick\"")));
  override.if_known = true;
  EXPECT_THAT(LoadText("", {override}).errors, IsEmpty());
  override = {"--engine-addr", "plugins.executor.docker.engine", "x"};
  EXPECT_THAT(LoadText("", {override}).errors,
              ElementsAre("--engine-addr: plugins.executor has no entry docker"));
  override.if_known = true;
  EXPECT_THAT(LoadText("", {override}).errors, IsEmpty());
}

TEST_F(ConfigTest, PrintedDefaultLoadsToTheDefaults) {
  const Result<std::string> printed = PrintDefault(plugins_.find(), plugins_.all());
  ASSERT_TRUE(printed.ok()) << printed.status();
  const NodeConfig from_print = Good(*printed);
  const NodeConfig built_in = Good(BuiltInConfig());
  EXPECT_EQ(Names(from_print), Names(built_in));
  EXPECT_EQ(from_print.node.state_dir, built_in.node.state_dir);
  EXPECT_EQ(from_print.listen.control.mode, built_in.listen.control.mode);
  EXPECT_EQ(from_print.plugin_path, built_in.plugin_path);
  EXPECT_TRUE(Plugin(from_print, "process").is_default);
  EXPECT_EQ(Plugin(from_print, "scheduler").settings.GetStringList("filters"),
            Plugin(built_in, "scheduler").settings.GetStringList("filters"));
}

TEST_F(ConfigTest, PrintedDefaultNamesEveryKeyOfEveryPlugin) {
  const Result<std::string> printed = PrintDefault(plugins_.find(), plugins_.all());
  ASSERT_TRUE(printed.ok()) << printed.status();
  for (const CoreSection& section : CoreSections()) {
    for (const SettingDescriptor& setting : section.schema)
      EXPECT_THAT(*printed, HasSubstr(std::string(setting.key) + ": "));
  }
  for (const PluginDescriptor* descriptor : plugins_.all()) {
    for (std::size_t i = 0; i < descriptor->setting_count; ++i)
      EXPECT_THAT(*printed, HasSubstr(std::string(descriptor->settings[i].key) + ": "));
  }
  EXPECT_THAT(*printed, HasSubstr("# Longest silence of a leader. Allowed: 50ms to 1m."));
  EXPECT_THAT(*printed, HasSubstr("One of: spread, binpack. May change without a restart."));
}

// What is commented out must be right too: a person removes the marks and uses it.
TEST_F(ConfigTest, PrintedAlternativesLoadOnceTheirMarksAreRemoved) {
  const std::string printed = *PrintDefault(plugins_.find(), plugins_.all());
  const std::size_t begin = printed.find("  # consensus:\n");
  ASSERT_NE(begin, std::string::npos);
  std::string section = "plugins:\n";
  for (std::size_t at = begin;
       printed.compare(at, 3, "  #") == 0 || printed.compare(at, 5, "    #") == 0;) {
    const std::size_t end = printed.find('\n', at);
    std::string line = printed.substr(at, end - at + 1);
    line.erase(line.find("# "), 2);
    section += line;
    at = end + 1;
  }
  const NodeConfig config = Good(section);
  EXPECT_EQ(Plugin(config, "raft").settings.GetDuration("election_timeout"), seconds(1));
}

TEST(ConfigValuesTest, DurationsAreWrittenAsPeopleDo) {
  EXPECT_EQ(ParseDuration("1h30m"), minutes(90));
  EXPECT_EQ(ParseDuration("1.5s"), milliseconds(1500));
  EXPECT_EQ(ParseDuration(".5s"), milliseconds(500));
  EXPECT_EQ(ParseDuration("0"), Duration(0));
  for (const char* bad : {"", "5", "s", "-1s", "1 s", "1.s.", "1x", "9999999999h", "1..5s", "1s "})
    EXPECT_EQ(ParseDuration(bad), std::nullopt) << bad;
  EXPECT_EQ(FormatDuration(seconds(90)), "90s");
  EXPECT_EQ(FormatDuration(minutes(90)), "90m");
}

TEST(ConfigValuesTest, SizesHaveBinaryAndDecimalUnits) {
  EXPECT_EQ(ParseBytes("64MiB"), 64 << 20);
  EXPECT_EQ(ParseBytes("1.5GiB"), std::int64_t{3} << 29);
  EXPECT_EQ(ParseBytes("10MB"), 10'000'000);
  EXPECT_EQ(ParseBytes("4096"), 4096);
  for (const char* bad : {"", "MiB", "-1", "1 MiB", "1Mi", "99999999TiB"})
    EXPECT_EQ(ParseBytes(bad), std::nullopt) << bad;
  EXPECT_EQ(FormatBytes(64 << 20), "64MiB");
}

TEST(ConfigTreeTest, RemembersPlacesAndDuplicates) {
  const Result<Node> root = ParseYaml("a: 1\nb:\n  - x\n  - y: z\na: 2\n", "t.yaml");
  ASSERT_TRUE(root.ok()) << root.status();
  ASSERT_EQ(root->entries.size(), 3u);
  EXPECT_EQ(root->entries[2].place.ToString(), "t.yaml:5:1");
  EXPECT_EQ(root->entries[1].value.items[1].entries[0].value.place.ToString(), "t.yaml:4:8");
}

}  // namespace
}  // namespace swarm::config
