// Holds every descriptor against wire.golden, so that no name, number, type, role or route drifts.
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "etcd/raftpb.pb.h"
#include "swarmd/v1/managers.pb.h"
#include "swarmkit/v1/access.pb.h"
#include "swarmkit/v1/ca.pb.h"
#include "swarmkit/v1/control.pb.h"
#include "swarmkit/v1/dispatcher.pb.h"
#include "swarmkit/v1/health.pb.h"
#include "swarmkit/v1/logbroker.pb.h"
#include "swarmkit/v1/raft.pb.h"
#include "swarmkit/v1/resource.pb.h"
#include "swarmkit/v1/snapshot.pb.h"
#include "swarmkit/v1/watch.pb.h"

namespace swarm {
namespace {

namespace pb = ::docker::swarmkit::v1;
using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::MethodDescriptor;

// "docker.swarmkit.v1.X" -> "X" within its own package, else the full name.
std::string Short(const std::string& full, const std::string& package) {
  return full.rfind(package + ".", 0) == 0 ? full.substr(package.size() + 1) : full;
}

std::string TypeName(const FieldDescriptor* f) {
  const std::string package = f->file()->package();
  const auto scalar = [&]() -> std::string {
    if (f->type() == FieldDescriptor::TYPE_MESSAGE)
      return Short(f->message_type()->full_name(), package);
    if (f->type() == FieldDescriptor::TYPE_ENUM) return Short(f->enum_type()->full_name(), package);
    return f->type_name();
  };
  if (f->is_map()) {
    return std::string("map<") + f->message_type()->map_key()->type_name() + ", " +
           TypeName(f->message_type()->map_value()) + ">";
  }
  return (f->is_repeated() ? "repeated " : "") + scalar();
}

std::string FieldLine(const FieldDescriptor* f) {
  std::string line = "  " + std::to_string(f->number()) + " " + f->name() + " " + TypeName(f);
  if (const auto* oneof = f->real_containing_oneof()) line += " oneof=" + oneof->name();
  const bool numeric = f->is_repeated() && f->is_packable();
  if (numeric && f->file()->syntax() == FileDescriptor::SYNTAX_PROTO3 && !f->is_packed())
    line += " unpacked";
  return line;
}

std::string RpcLine(const MethodDescriptor* m) {
  const std::string package = m->file()->package();
  const pb::Access& access = m->options().GetExtension(pb::access);
  std::string roles = access.anonymous() ? "*" : "";
  for (const auto& role : access.roles()) roles += (roles.empty() ? "" : ",") + role;
  return "rpc " + m->service()->full_name() + "/" + m->name() + " " +
         (m->client_streaming() ? "stream " : "") + Short(m->input_type()->full_name(), package) +
         " -> " + (m->server_streaming() ? "stream " : "") +
         Short(m->output_type()->full_name(), package) + " roles=" + roles +
         " remote=" + pb::Answer_Name(access.remote()) +
         " local=" + pb::Answer_Name(access.local());
}

class Actual {
 public:
  void Add(const FileDescriptor* file) {
    for (int i = 0; i < file->service_count(); ++i) {
      for (int j = 0; j < file->service(i)->method_count(); ++j) {
        lines.insert(RpcLine(file->service(i)->method(j)));
      }
    }
    for (int i = 0; i < file->enum_type_count(); ++i) AddEnum(file->enum_type(i));
    for (int i = 0; i < file->message_type_count(); ++i) AddMessage(file->message_type(i));
  }

  // A message is one element: its name and its fields in the order of the file.
  std::set<std::string> lines;

 private:
  void AddEnum(const EnumDescriptor* e) {
    std::string line = "enum " + e->full_name();
    for (int i = 0; i < e->value_count(); ++i) {
      line += " " + e->value(i)->name() + "=" + std::to_string(e->value(i)->number());
    }
    lines.insert(line);
  }

  void AddMessage(const Descriptor* m) {
    if (m->options().map_entry()) return;
    std::string text = "message " + m->full_name();
    for (int i = 0; i < m->field_count(); ++i) text += "\n" + FieldLine(m->field(i));
    lines.insert(text);
    for (int i = 0; i < m->enum_type_count(); ++i) AddEnum(m->enum_type(i));
    for (int i = 0; i < m->nested_type_count(); ++i) AddMessage(m->nested_type(i));
  }
};

std::set<std::string> Golden(const char* variable) {
  const char* path = std::getenv(variable);
  std::ifstream in(path == nullptr ? "" : path);
  EXPECT_TRUE(in.good()) << variable << " names the table";
  std::set<std::string> out;
  std::string line, block;
  const auto flush = [&] {
    if (!block.empty()) out.insert(block);
    block.clear();
  };
  while (std::getline(in, line)) {
    if (line.empty() || line[0] == '#') continue;
    if (line[0] != ' ') flush();
    block += (block.empty() ? "" : "\n") + line;
  }
  flush();
  return out;
}

void Compare(const std::set<std::string>& golden, const std::set<std::string>& actual) {
  for (const auto& line : golden)
    EXPECT_TRUE(actual.contains(line)) << "missing or changed:\n" << line;
  for (const auto& line : actual)
    EXPECT_TRUE(golden.contains(line)) << "not in the table:\n" << line;
}

TEST(WireTest, DescriptorsEqualTheGoldenTable) {
  Actual actual;
  for (const FileDescriptor* file :
       {pb::Task::descriptor()->file(), pb::TaskSpec::descriptor()->file(),
        pb::TaskStatus::descriptor()->file(), pb::GetUnlockKeyRequest::descriptor()->file(),
        pb::GetNodeRequest::descriptor()->file(), pb::SessionRequest::descriptor()->file(),
        pb::HealthCheckRequest::descriptor()->file(), pb::LogMessage::descriptor()->file(),
        pb::RaftMember::descriptor()->file(), pb::AttachNetworkRequest::descriptor()->file(),
        pb::StoreSnapshot::descriptor()->file(), pb::WatchRequest::descriptor()->file(),
        raftpb::Message::descriptor()->file()}) {
    actual.Add(file);
  }
  const std::set<std::string> golden = Golden("SWARM_WIRE_GOLDEN");
  EXPECT_GT(golden.size(), 300u);
  Compare(golden, actual.lines);
}

// What managers of this make tell each other, in a package of its own: SwarmKit's stay as they are.
TEST(WireTest, DescriptorsOfOurOwnEqualTheirTable) {
  Actual actual;
  actual.Add(swarmd::v1::GetTimingRequest::descriptor()->file());
  Compare(Golden("SWARM_OWN_GOLDEN"), actual.lines);
}

}  // namespace
}  // namespace swarm
