#include "template/expand.h"

#include <gtest/gtest.h>

namespace swarm::templates {
namespace {

Context Sample() {
  Context c;
  c.service = {"svc1", "web", {{"tier", "front"}, {"a.b", "dotted"}, {"zone", "z1"}}};
  c.node = {"node1", "host1", "x86_64", "linux"};
  c.task = {"task1", "web.3.task1", "3"};
  return c;
}

struct Case {
  const char* text;
  const char* expanded;
};

TEST(ExpandTest, ExpandsWhatServicesUse) {
  const Case cases[] = {
      {"plain", "plain"},
      {"", ""},
      {"{ {not} }", "{ {not} }"},
      {"{{.Service.Name}}-{{.Task.Slot}}", "web-3"},
      {"{{ .Service.ID }}/{{.Node.ID}}/{{.Task.ID}}", "svc1/node1/task1"},
      {"{{.Node.Hostname}} {{.Node.Platform.OS}} {{.Node.Platform.Architecture}}",
       "host1 linux x86_64"},
      {"{{index .Service.Labels \"a.b\"}}", "dotted"},
      {"{{index .Service.Labels `tier`}}", "front"},
      {"[{{index .Service.Labels \"absent\"}}]", "[]"},
      {"{{.Service.Labels.tier}}", "front"},
      {"{{join \"-\" .Service.Name .Task.Slot \"x\"}}", "web-3-x"},
      {"{{.Task.Slot | join \":\" .Service.Name}}", "web:3"},
      {"{{(index .Service.Labels \"zone\")}}", "z1"},
      {"{{if eq .Node.Platform.OS \"linux\"}}L{{else}}W{{end}}", "L"},
      {"{{if eq .Task.Slot \"1\"}}one{{else if eq .Task.Slot \"3\"}}three{{else}}many{{end}}",
       "three"},
      {"{{with index .Service.Labels \"tier\"}}<{{.}}>{{end}}", "<front>"},
      {"{{with index .Service.Labels \"no\"}}x{{else}}{{.Task.Slot}}{{end}}", "3"},
      {"{{range $k, $v := .Service.Labels}}{{$k}}={{$v}};{{end}}",
       "a.b=dotted;tier=front;zone=z1;"},
      {"{{range .Service.Labels}}{{.}},{{end}}", "dotted,front,z1,"},
      {"{{$n := .Service.Name}}{{$n}}{{$n = \"x\"}}{{$n}}", "webx"},
      {"{{range .Service.Labels}}{{$.Task.Slot}}{{end}}", "333"},
      {"a {{- /* gone */ -}} b", "ab"},
      {"a {{- .Task.Slot -}} b", "a3b"},
      {"{{/* note */}}x", "x"},
      {"{{and .Service.Name \"\"}}|{{or \"\" .Service.Name}}|{{not false}}", "|web|true"},
      {"{{len .Service.Labels}} {{len .Service.Name}} {{lt 1 2}} {{ge 1 2}}", "3 3 true false"},
      {"{{print 1 2}} {{print \"a\" \"b\"}} {{print 1 \"b\"}}", "1 2 ab 1b"},
      {"{{ne .Task.Slot \"3\"}} {{eq .Task.Slot \"1\" \"3\"}}", "false true"},
      {"{{.Service.Labels}}", "map[a.b:dotted tier:front zone:z1]"},
      {"{{\"q\\\"\\n\"}}", "q\"\n"},
      {"}} {{-1}}", "}} -1"},
  };
  for (const Case& c : cases) {
    auto got = Expand(c.text, Sample());
    ASSERT_TRUE(got.ok()) << c.text << ": " << got.status();
    EXPECT_EQ(*got, c.expanded) << c.text;
  }
}

TEST(ExpandTest, RefusesWhatItDoesNotKnow) {
  const Case cases[] = {
      {"{{.Service.Nme}}", "can't evaluate field Nme"},
      {"{{.Service.Labels.nope}}", "map has no entry for key \"nope\""},
      {"{{.Service.Name.X}}", "can't evaluate field X"},
      {"{{printf \"%s\" .Task.Slot}}", "function \"printf\" not defined"},
      {"{{secret \"x\"}}", "function \"secret\" not defined"},
      {"{{$x}}", "undefined variable \"$x\""},
      {"{{if .Task.Slot}}x", "not closed"},
      {"{{end}}", "unexpected {{end}}"},
      {"{{.Task.Slot", "unclosed action"},
      {"{{}}", "missing value"},
      {"{{\"x}}", "unclosed string"},
      {"{{.Task.Slot .Task.ID}}", "not a function"},
      {"{{define \"x\"}}{{end}}", "not supported"},
      {"{{range .Task.Slot}}{{end}}", "can't iterate"},
      {"{{eq 1 \"1\"}}", "incompatible types"},
      {"{{/* open", "unclosed comment"},
      {"{{(.Task.Slot}}", "unclosed parenthesis"},
      {"{{12x}}", "bad number"},
  };
  for (const Case& c : cases) {
    auto got = Expand(c.text, Sample());
    ASSERT_FALSE(got.ok()) << c.text << " gave " << *got;
    EXPECT_NE(got.status().message().find(c.expanded), std::string::npos) << got.status();
    EXPECT_EQ(got.status().code(), Code::kInvalidArgument) << c.text;
  }
}

TEST(ExpandTest, NamesLineAndColumn) {
  EXPECT_EQ(Expand("a\nbc{{.Nope}}", Sample()).status().message(),
            "template: expansion:2:6: can't evaluate field Nope");
}

TEST(ExpandTest, BoundsWorkAndNesting) {
  std::string bomb;
  for (int i = 0; i < 30; ++i) bomb += "{{range $.Service.Labels}}";
  bomb += "x";
  for (int i = 0; i < 30; ++i) bomb += "{{end}}";
  EXPECT_EQ(Expand(bomb, Sample()).status().code(), Code::kResourceExhausted);
  std::string parens = "{{" + std::string(100000, '(');
  EXPECT_EQ(Expand(parens, Sample()).status().code(), Code::kInvalidArgument);
  std::string ifs;
  for (int i = 0; i < 10000; ++i) ifs += "{{if true}}";
  EXPECT_EQ(Expand(ifs, Sample()).status().code(), Code::kInvalidArgument);
}

TEST(ExpandTest, PayloadFunctionsAskTheirLookup) {
  Context c = Sample();
  c.secret = [](std::string_view name) -> Result<std::string> {
    if (name == "key") return std::string("s3cret");
    return Status(Code::kNotFound, "secret target " + std::string(name) + " not found");
  };
  c.env = [](std::string_view) { return Result<std::string>(std::string("E")); };
  EXPECT_EQ(*Expand("{{secret \"key\"}}{{env \"x\"}}", c), "s3cretE");
  EXPECT_NE(Expand("{{secret \"no\"}}", c).status().message().find("secret target no not found"),
            std::string::npos);
}

TEST(ExpandTest, ContainerFieldsAreExpandedAndNothingElse) {
  pb::ContainerSpec spec;
  spec.add_env("A={{.Task.Slot}}={{.Task.Slot}}");
  spec.add_env("{{.Task.Slot}}");
  spec.set_hostname("{{.Service.Name}}-{{.Task.Slot}}");
  spec.set_image("{{.Task.Slot}}");
  auto* mount = spec.add_mounts();
  mount->set_source("vol-{{.Task.Slot}}");
  mount->set_target("/{{.Service.Name}}");
  (*mount->mutable_volume_options()->mutable_labels())["l{{"] = "{{.Task.ID}}";
  (*mount->mutable_volume_options()->mutable_driver_config()->mutable_options())["o"] =
      "{{.Node.Hostname}}";
  ASSERT_TRUE(ExpandContainer(Sample(), &spec).ok());
  EXPECT_EQ(spec.env(0), "A=3=3");
  EXPECT_EQ(spec.env(1), "{{.Task.Slot}}");
  EXPECT_EQ(spec.hostname(), "web-3");
  EXPECT_EQ(spec.image(), "{{.Task.Slot}}");
  EXPECT_EQ(mount->source(), "vol-3");
  EXPECT_EQ(mount->target(), "/web");
  EXPECT_EQ(mount->volume_options().labels().at("l{{"), "task1");
  EXPECT_EQ(mount->volume_options().driver_config().options().at("o"), "host1");
}

TEST(ExpandTest, ContainerErrorsSayWhichField) {
  pb::ContainerSpec spec;
  spec.add_env("A={{.X}}");
  EXPECT_EQ(ExpandContainer(Sample(), &spec).message().rfind("expanding env failed: ", 0), 0u);
  spec.Clear();
  spec.set_hostname("{{.X}}");
  EXPECT_EQ(ExpandContainer(Sample(), &spec).message().rfind("expanding hostname failed: ", 0), 0u);
  spec.Clear();
  spec.add_mounts()->set_target("{{.X}}");
  EXPECT_EQ(ExpandContainer(Sample(), &spec).message().rfind("expanding mounts failed: ", 0), 0u);
}

TEST(ExpandTest, SlotlessTasksUseTheNodeAsSlot) {
  pb::Task task;
  task.set_id("t");
  task.set_node_id("n");
  task.mutable_service_annotations()->set_name("g");
  Context c = ContextOf(task, nullptr);
  EXPECT_EQ(c.task.slot, "n");
  EXPECT_EQ(c.task.name, "g.n.t");
  task.set_slot(4);
  task.mutable_annotations()->set_name("own");
  EXPECT_EQ(ContextOf(task, nullptr).task.slot, "4");
  EXPECT_EQ(ContextOf(task, nullptr).task.name, "own");
}

}  // namespace
}  // namespace swarm::templates
