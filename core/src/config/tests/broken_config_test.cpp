// Every way to get a configuration wrong, and the one line it is answered with.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/config.h"
#include "config/tests/fake_plugins.h"

namespace swarm::config {
namespace {

struct Broken {
  const char* name;
  const char* text;
  std::vector<std::string> errors;
};

void PrintTo(const Broken& broken, std::ostream* out) { *out << broken.name; }

class BrokenConfigTest : public testing::TestWithParam<Broken> {};

TEST_P(BrokenConfigTest, IsExplainedWithItsPlace) {
  FakePlugins plugins;
  EXPECT_EQ(Load(GetParam().text, "f.yaml", {}, plugins.find()).errors, GetParam().errors);
}

const Broken kBroken[] = {
    // The text itself.
    {"NotYaml", "node: {hostname: m1\n", {"f.yaml:2:1: not valid YAML: end of map flow not found"}},
    {"TabAsIndentation",
     "node:\n\thostname: m1\n",
     {"f.yaml:2:10: not valid YAML: illegal map value"}},
    {"UnclosedQuote",
     "node:\n  hostname: \"m1\n",
     {"f.yaml:2:13: not valid YAML: a quote that is never closed"}},
    {"UnclosedQuoteThatSwallowsTheRest",
     "node: {hostname: \"ü''\\\"\", state_dir: 'a''}\nlog: {level: info}\n",
     {"f.yaml:1:39: not valid YAML: a quote that is never closed"}},
    {"TwoDocuments",
     "log: {level: info}\n---\nlog: {level: debug}\n",
     {"f.yaml:3:1: a second document; one is enough"}},
    {"Alias",
     "node: {hostname: &a m1, state_dir: *a}\n",
     {"f.yaml:1:36: aliases (*name) are not supported here; write the value out"}},
    {"ListAsKey", "? [a, b]\n: 1\n", {"f.yaml:1:3: a key is a word, not a list"}},
    {"ListAtTheTop", "- node\n", {"f.yaml:1:1: expected a map of sections, got a list"}},
    {"WordAtTheTop", "swarmd\n", {"f.yaml:1:1: expected a map of sections, got \"swarmd\""}},
    // Keys.
    {"UnknownSection",
     "nodes: {hostname: m1}\n",
     {"f.yaml:1:1: unknown key \"nodes\"; did you mean \"node\"? (allowed: node, listen, join, "
      "log, plugins)"}},
    {"UnknownKey",
     "node:\n  hostnam: m1\n",
     {"f.yaml:2:3: unknown key \"hostnam\" in node; did you mean \"hostname\"? (allowed: hostname, "
      "state_dir, on_stop, force_new_cluster, auto_lock, unlock_key, external_cas, "
      "generic_resources)"}},
    {"UnknownKeyLikeNone",
     "log: {colour: red}\n",
     {"f.yaml:1:7: unknown key \"colour\" in log; allowed: level, format"}},
    {"UnknownKeyInside",
     "listen:\n  control: {path: /run/x}\n",
     {"f.yaml:2:13: unknown key \"path\" in listen.control; allowed: socket, mode, group, "
      "plaintext"}},
    {"DuplicateSection",
     "log: {level: info}\nnode: {}\nlog: {level: debug}\n",
     {"f.yaml:3:1: key \"log\" is given twice; first at f.yaml:1:1"}},
    {"DuplicateKey",
     "node:\n  hostname: a\n  hostname: a\n",
     {"f.yaml:3:3: key \"hostname\" in node is given twice; first at f.yaml:2:3"}},
    {"UnderscoreIsNotHyphen",
     "node: {state-dir: /x}\n",
     {"f.yaml:1:8: unknown key \"state-dir\" in node; did you mean \"state_dir\"? (allowed: "
      "hostname, state_dir, on_stop, force_new_cluster, auto_lock, unlock_key, external_cas, "
      "generic_resources)"}},
    // Values of the core.
    {"ListForAString",
     "node:\n  hostname: [a, b]\n",
     {"f.yaml:2:13: node.hostname: expected a string, got a list"}},
    {"NothingForAString",
     "node:\n  hostname:\n",
     {"f.yaml:2:3: node.hostname: expected a string, got nothing"}},
    {"SectionIsAWord", "log: debug\n", {"f.yaml:1:6: log: expected a map, got \"debug\""}},
    {"NotABool",
     "node: {auto_lock: yes}\n",
     {"f.yaml:1:19: node.auto_lock: expected true or false, got \"yes\""}},
    {"NotAChoice",
     "node: {on_stop: leaf}\n",
     {"f.yaml:1:17: node.on_stop: expected one of detach, leave, got \"leaf\"; did you mean "
      "\"leave\"?"}},
    {"WordForAList",
     "node: {external_cas: x}\n",
     {"f.yaml:1:22: node.external_cas: expected a list of strings, got \"x\""}},
    {"MapInAList",
     "node:\n  external_cas:\n    - {a: b}\n",
     {"f.yaml:3:7: node.external_cas: expected a list of strings, got an item that is a map"}},
    {"AddressWithoutPort",
     "listen: {remote: example.org}\n",
     {"f.yaml:1:18: listen.remote: expected host:port with a port from 0 to 65535, got "
      "\"example.org\""}},
    {"PortTooLarge",
     "listen: {remote: \"0.0.0.0:70000\"}\n",
     {"f.yaml:1:18: listen.remote: expected host:port with a port from 0 to 65535, got "
      "\"0.0.0.0:70000\""}},
    {"ModeNotOctal",
     "listen: {control: {mode: \"0680\"}}\n",
     {"f.yaml:1:26: listen.control.mode: expected octal permission bits such as \"0660\", got "
      "\"0680\""}},
    {"SecretIsNotShown",
     "node: {unlock_key: [SWMKEY-1-abc]}\n",
     {"f.yaml:1:20: node.unlock_key: expected a string, got a list"}},
    // Sections of plugins.
    {"UnknownPluginSection",
     "plugins:\n  component: []\n",
     {"f.yaml:2:3: unknown key \"component\" in plugins; did you mean \"components\"? (allowed: "
      "path, consensus, store, proxy, dispatcher, ca, agent, executor, control, components)"}},
    {"PluginIsAWord",
     "plugins: {store: store}\n",
     {"f.yaml:1:18: plugins.store: expected a map such as {use: store}, got \"store\""}},
    {"PluginWithoutUse",
     "plugins:\n  consensus: {election_timeout: 1s}\n",
     {"f.yaml:2:14: plugins.consensus: required key \"use\" is missing; it names the plugin"}},
    {"UseIsAList",
     "plugins: {store: {use: [a]}}\n",
     {"f.yaml:1:24: plugins.store.use: expected a string, got a list"}},
    {"MapForAListOfPlugins",
     "plugins:\n  control: {use: controlapi}\n",
     {"f.yaml:2:12: plugins.control: expected a list such as [{use: control}], got a map"}},
    {"PathIsAMap",
     "plugins: {path: {a: b}}\n",
     {"f.yaml:1:17: plugins.path: expected a list of strings, got a map"}},
    {"MissingPlugin",
     "plugins: {consensus: {use: rafft}}\n",
     {"f.yaml:1:28: plugins.consensus.use: no plugin rafft"}},
    {"MissingExecutor",
     "plugins: {executor: [{use: docker}]}\n",
     {"f.yaml:1:28: plugins.executor.use: no plugin executor-docker"}},
    {"PluginOfAnotherRole",
     "plugins: {consensus: {use: scheduler}}\n",
     {"f.yaml:1:28: plugins.consensus.use: plugin scheduler provides component/1, not "
      "consensus"}},
    {"TwoDefaultExecutors",
     "plugins:\n  executor:\n    - {use: sim, default: true}\n    - {use: process, default: "
     "true}\n",
     {"f.yaml:4:31: plugins.executor.process.default: the executor at f.yaml:3:27 is the default "
      "already; there is one"}},
    {"DefaultIsNotABool",
     "plugins: {executor: [{use: sim, default: 1}]}\n",
     {"f.yaml:1:42: plugins.executor.sim.default: expected true or false, got \"1\""}},
    // Values of plugins.
    {"UnknownPluginKey",
     "plugins:\n  consensus: {use: raft, election_timout: 1s}\n",
     {"f.yaml:2:26: unknown key \"election_timout\" in plugins.consensus.raft; did you mean "
      "\"election_timeout\"? (allowed: use, election_timeout, heartbeat_interval, "
      "segment_bytes)"}},
    {"KeyOfAnotherPlugin",
     "plugins:\n  consensus: {use: standalone, election_timeout: 1s}\n",
     {"f.yaml:2:32: unknown key \"election_timeout\" in plugins.consensus.standalone; allowed: "
      "use"}},
    {"NotADuration",
     "plugins: {consensus: {use: raft, election_timeout: 5}}\n",
     {"f.yaml:1:52: plugins.consensus.raft.election_timeout: expected a duration such as 250ms, 5s "
      "or 2h, 50ms to 1m, got \"5\""}},
    {"DurationOutOfRange",
     "plugins: {consensus: {use: raft, election_timeout: 2m}}\n",
     {"f.yaml:1:52: plugins.consensus.raft.election_timeout: 2m is out of range; allowed: 50ms to "
      "1m"}},
    {"NotASize",
     "plugins: {consensus: {use: raft, segment_bytes: 64 MiB}}\n",
     {"f.yaml:1:49: plugins.consensus.raft.segment_bytes: expected a size such as 64MiB or 1.5GiB, "
      "64KiB to 1GiB, got \"64 MiB\""}},
    {"SizeOutOfRange",
     "plugins: {consensus: {use: raft, segment_bytes: 1KiB}}\n",
     {"f.yaml:1:49: plugins.consensus.raft.segment_bytes: 1KiB is out of range; allowed: 64KiB to "
      "1GiB"}},
    {"NotAnInteger",
     "plugins: {executor: [{use: sim, cpus: four}]}\n",
     {"f.yaml:1:39: plugins.executor.sim.cpus: expected an integer, 1 to 1024, got \"four\""}},
    {"IntegerOutOfRange",
     "plugins: {executor: [{use: sim, cpus: 0}]}\n",
     {"f.yaml:1:39: plugins.executor.sim.cpus: 0 is out of range; allowed: 1 to 1024"}},
    {"IntegerTooLarge",
     "plugins: {components: [{use: scheduler, max_per_node: 99999999999999999999}]}\n",
     {"f.yaml:1:55: plugins.components.scheduler.max_per_node: expected an integer, got "
      "\"99999999999999999999\""}},
    {"NotAPluginsChoice",
     "plugins: {components: [{use: scheduler, strategy: binpak}]}\n",
     {"f.yaml:1:51: plugins.components.scheduler.strategy: expected one of spread, binpack, got "
      "\"binpak\"; did you mean \"binpack\"?"}},
    {"DuplicateLabel",
     "plugins: {executor: [{use: sim, labels: {a: b, a: c}}]}\n",
     {"f.yaml:1:48: plugins.executor.sim.labels: key \"a\" is given twice"}},
    {"RequiredKeyMissing",
     "plugins:\n  components: [{use: vault}]\n",
     {"f.yaml:2:16: plugins.components.vault: required key \"address\" is missing; a string"}},
    {"SecretValueIsHidden",
     "plugins: {components: [{use: vault, address: a, pin: tops3cret}]}\n",
     {"f.yaml:1:54: plugins.components.vault.pin: expected an integer, 0 to 9999, got something "
      "else"}},
    {"SecretOutOfRangeIsHidden",
     "plugins: {components: [{use: vault, address: a, pin: 77777}]}\n",
     {"f.yaml:1:54: plugins.components.vault.pin: the value is out of range; allowed: 0 to 9999"}},
    // All at once.
    {"EveryMistakeIsReportedInOrder",
     "log: {level: debgu}\nnode:\n  on_stop: never\n  hostname: a\n  hostname: b\n"
     "plugins:\n  store: {use: shop}\n",
     {"f.yaml:1:14: log.level: expected one of debug, info, warn, warning, error, fatal, panic, "
      "got \"debgu\"; did you mean \"debug\"?",
      "f.yaml:3:12: node.on_stop: expected one of detach, leave, got \"never\"",
      "f.yaml:5:3: key \"hostname\" in node is given twice; first at f.yaml:4:3",
      "f.yaml:7:16: plugins.store.use: no plugin shop"}},
};

INSTANTIATE_TEST_SUITE_P(Every, BrokenConfigTest, testing::ValuesIn(kBroken),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace swarm::config
