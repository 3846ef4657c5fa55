#include "parsers.h"

#include "base/log.h"
#include "config/config.h"
#include "constraint/constraint.h"
#include "describe.h"
#include "generic/parse.h"
#include "http2_input.h"
#include "image_reference.h"
#include "inspect.h"
#include "log_lines.h"
#include "lzw.h"
#include "pki/certificate.h"
#include "pki/chain.h"
#include "pki/key_file.h"
#include "pki/text_keys.h"
#include "push_pull.h"
#include "swarm/check.h"
#include "swarm/task.h"
#include "template/expand.h"

namespace swarm::fuzz {
namespace {

// A result is dropped: what counts is that there is one.
template <class R>
void Ignore(const R&) {}

void Yaml(std::string_view input) {
  const auto loaded =
      config::Load(input, "fuzz.yaml", {},
                   [](std::string_view name,
                      const std::vector<std::string>&) -> Result<const PluginDescriptor*> {
                     return Status(Code::kNotFound, "no plugin " + std::string(name));
                   });
  for (const auto& error : loaded.errors) SWARM_CHECK(!error.empty(), "an error says something");
}

void Pem(std::string_view input) {
  Ignore(pki::ParseCertificates(input));
  Ignore(pki::ParseRoots(input, WallTime{}));
}

void KeyFile(std::string_view input) { Ignore(pki::KeyFile::Parse(input, "key")); }

void Token(std::string_view input) {
  Ignore(pki::ParseJoinToken(input));
  Ignore(pki::ParseUnlockKey(input));
}

void Constraint(std::string_view input) {
  const auto parsed = constraint::ParseOne(input);
  docker::swarmkit::v1::Node node;
  node.set_id("n1");
  if (parsed.ok()) Ignore(constraint::Match(*parsed, node));
}

void Template(std::string_view input) {
  templates::Context context;
  context.service.name = "web";
  context.task.slot = "1";
  Ignore(templates::Expand(std::string(input), context));
}

void Generic(std::string_view input) { Ignore(generic::Parse(input)); }

void Message(std::string_view input) {
  docker::swarmkit::v1::Task task;
  if (!task.ParseFromArray(input.data(), static_cast<int>(input.size()))) return;
  const auto compact = TaskFromProto(task);
  const auto again = TaskFromProto(TaskToProto(compact));
  SWARM_CHECK(again.id == compact.id && again.status.state == compact.status.state,
              "a task survives the way through its compact form");
}

// What an engine answers, once it is JSON.
void Engine(std::string_view input) {
  const auto body = nlohmann::json::parse(input, nullptr, false);
  if (body.is_discarded()) return;
  Ignore(executor_docker::ParseContainer(body));
  Ignore(executor_docker::ParseContainerList(body));
  Ignore(executor_docker::DescriptionOf(body, body));
}

void ContainerLog(std::string_view input) {
  Ignore(executor_docker::ParseImage(input));
  for (const bool terminal : {false, true}) {
    std::int64_t last = 0;
    executor_docker::LogLines lines(terminal, [&last](const LogLine& line) {
      SWARM_CHECK(line.unix_nanos >= last, "time does not go back");
      last = line.unix_nanos;
    });
    lines.Add({engine::Frame::kStdout, input.substr(0, input.size() / 2)});
    lines.Add({engine::Frame::kStdout, input.substr(input.size() / 2)});
    lines.Finish();
  }
}

// What is in the messages of engines' gossip, once they are decrypted.
void Gossip(std::string_view input) {
  constexpr std::size_t kLimit = 1 << 20;
  Ignore(gossip::Decode(input));
  const auto expanded = gossip::Expand(input, kLimit);
  SWARM_CHECK(!expanded || expanded->size() <= kLimit, "a limit holds");
}

std::string GossipBytes() {
  gossip::PushPull message;
  message.join = true;
  message.members.push_back({"m1", "abcd", 7946, "", 1, gossip::MemberState::kAlive, "v"});
  message.node_name = "m1";
  message.attachments.push_back({"m1", "\x0a\x01n\x10\x05\x1a\x02m1"});
  return gossip::Encode(message);
}

std::string TaskBytes() {
  docker::swarmkit::v1::Task task;
  task.set_id("t1");
  task.mutable_spec()->mutable_container()->set_image("image");
  task.mutable_status()->set_message("started");
  task.mutable_endpoint()->add_ports()->set_target_port(80);
  return task.SerializeAsString();
}

}  // namespace

const std::vector<Parser>& Parsers() {
  static const bool quiet = (RouteProtobufLog(Logger()), true);
  static_cast<void>(quiet);
  static const std::vector<Parser> parsers = {
      {"yaml",
       Yaml,
       {"node: {hostname: m1, state_dir: /var/lib/swarmd, on_stop: detach}\nlog: {level: info}\n",
        "plugins:\n  path: [/a, /b]\n  executor:\n    - {use: docker, default: true}\n  store: &x "
        "{use: store}\n"}},
      {"pem",
       Pem,
       {"-----BEGIN CERTIFICATE-----\nMIIBIzCByqADAgECAgEBMAoGCCqGSM49BAMCMA==\n-----END "
        "CERTIFICATE-----\n"}},
      {"key_file",
       KeyFile,
       {"-----BEGIN PRIVATE KEY-----\nkek-version: 3\nraft-dek: CAASBGFiY2Q=\n\nMEEC\n-----END "
        "PRIVATE KEY-----\n"}},
      {"token",
       Token,
       {"SWMTKN-1-3fj2lmc62qnjhggeknaktitr77ctrz17n8spe6uj86em8opbrz-9oxczk0q0hgpm2xggjdl8b2sz",
        "SWMKEY-1-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}},
      {"constraint",
       Constraint,
       {"node.labels.zone == eu-1", "node.ip != 10.0.0.0/8", "engine.labels.a==2001:db8::1"}},
      {"template",
       Template,
       {"{{.Service.Name}}-{{.Task.Slot}}", "{{join \".\" \"a\" .Node.ID}}",
        "{{if eq .Task.Slot \"1\"}}x{{else}}{{index .Service.Labels \"k\"}}{{end}}"}},
      {"generic", Generic, {"gpu=UUID1,gpu=UUID2,fpga=3", "\"a,b=c\",d=1"}},
      {"message", Message, {TaskBytes()}},
      {"engine",
       Engine,
       {R"({"Id":"c","State":{"Status":"running","Pid":7,"ExitCode":0,"Health":{"Status":)"
        R"("healthy"}},"Config":{"Labels":{"a":"b"}},"NetworkSettings":{"Networks":{"n":{}},)"
        R"("Ports":{"80/tcp":[{"HostIp":"::","HostPort":"8080"}]}}})",
        R"([{"Id":"c","State":"exited","Labels":{"com.docker.swarm.task.id":"t"}}])",
        R"({"Name":"n","NCPU":2,"MemTotal":8,"Labels":["a=b"],"Plugins":{"Log":["local"]},)"
        R"("GenericResources":[{"NamedResourceSpec":{"Kind":"gpu","Value":"1"}}]})"}},
      {"container_log",
       ContainerLog,
       {"2026-11-21T05:03:34.641909212Z out\n2026-11-21T05:03:35Z more\r\n",
        "host:5000/team/app:v2@sha256:00"}},
      {"http2", Http2, {Http2Bytes()}},
      {"gossip", Gossip, {GossipBytes(), std::string("\x00\x83\x08\x18\x40\x40\x60", 7)}},
  };
  return parsers;
}

}  // namespace swarm::fuzz
