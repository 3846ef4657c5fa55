#include "push_pull.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <utility>

#include "msgpack.h"

namespace swarm::gossip {
namespace {

using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;
using google::protobuf::io::StringOutputStream;

constexpr char kPushPull = 6;
constexpr char kError = 13;
// More than any cluster has.
constexpr std::uint64_t kMostMembers = 1 << 20;

// Protobuf by hand: two messages of few fields, whose inner parts are passed on as they are.
enum WireType : std::uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };
constexpr std::uint32_t kGossipPushPull = 3;  // GossipMessage.type

std::uint32_t Tag(std::uint32_t field, WireType type) { return field << 3 | type; }

class ProtoWriter {
 public:
  explicit ProtoWriter(std::string* out) : stream_(out), coded_(&stream_) {}
  void Number(std::uint32_t field, std::uint64_t value) {
    coded_.WriteTag(Tag(field, kVarint));
    coded_.WriteVarint64(value);
  }
  void Text(std::uint32_t field, const std::string& bytes) {
    coded_.WriteTag(Tag(field, kBytes));
    coded_.WriteVarint32(static_cast<std::uint32_t>(bytes.size()));
    coded_.WriteString(bytes);
  }

 private:
  StringOutputStream stream_;
  CodedOutputStream coded_;
};

// Calls `number` or `text` for each field; false when the bytes are no message.
template <class OnNumber, class OnText>
bool ReadProto(std::string_view bytes, OnNumber number, OnText text) {
  CodedInputStream in(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                      static_cast<int>(bytes.size()));
  while (const std::uint32_t tag = in.ReadTag()) {
    std::uint64_t value = 0;
    std::uint32_t length = 0;
    std::string part;
    switch (tag & 7) {
      case kVarint:
        if (!in.ReadVarint64(&value)) return false;
        number(tag >> 3, value);
        break;
      case kBytes:
        if (!in.ReadVarint32(&length) || length > bytes.size() ||
            !in.ReadString(&part, static_cast<int>(length))) {
          return false;
        }
        text(tag >> 3, std::move(part));
        break;
      case kFixed64:
        if (!in.Skip(8)) return false;
        break;
      case kFixed32:
        if (!in.Skip(4)) return false;
        break;
      default:
        return false;
    }
  }
  return in.ConsumedEntireMessage();
}

std::string EncodeState(const PushPull& message) {
  if (message.attachments.empty() && message.node_name.empty()) return "";
  std::string state;
  {
    ProtoWriter out(&state);
    if (message.time != 0) out.Number(1, message.time);
    for (const Attachment& attachment : message.attachments) out.Text(2, attachment.bytes);
    if (!message.node_name.empty()) out.Text(3, message.node_name);
  }
  std::string gossip;
  {
    ProtoWriter out(&gossip);
    out.Number(1, kGossipPushPull);
    out.Text(2, state);
  }
  return gossip;
}

bool DecodeState(std::string_view bytes, PushPull* out) {
  std::uint64_t type = 0;
  std::string state;
  const bool outer = ReadProto(
      bytes, [&](std::uint32_t field, std::uint64_t value) { type = field == 1 ? value : type; },
      [&](std::uint32_t field, std::string part) {
        if (field == 2) state = std::move(part);
      });
  // Another kind of state says nothing to us.
  if (!outer || type != kGossipPushPull) return outer;
  return ReadProto(
      state,
      [&](std::uint32_t field, std::uint64_t value) {
        if (field == 1) out->time = value;
      },
      [&](std::uint32_t field, std::string part) {
        if (field == 3) out->node_name = std::move(part);
        if (field != 2) return;
        Attachment attachment;
        attachment.bytes = part;
        (void)ReadProto(
            part, [](std::uint32_t, std::uint64_t) {},
            [&](std::uint32_t inner, std::string text) {
              if (inner == 3) attachment.node_name = std::move(text);
            });
        out->attachments.push_back(std::move(attachment));
      });
}

void EncodeMember(const Member& member, Packer* out) {
  out->Map(7);
  out->Raw("Name");
  out->Raw(member.name);
  out->Raw("Addr");
  out->Raw(member.address);
  out->Raw("Port");
  out->Number(member.port);
  out->Raw("Meta");
  out->Raw(member.meta);
  out->Raw("Incarnation");
  out->Number(member.incarnation);
  out->Raw("State");
  out->Number(static_cast<std::uint32_t>(member.state));
  out->Raw("Vsn");
  out->Raw(member.versions);
}

bool DecodeMember(Unpacker* in, Member* out) {
  std::uint64_t port = 0;
  std::uint64_t incarnation = 0;
  std::uint64_t state = 0;
  const auto text = [in](std::string* to) {
    std::string_view bytes;
    if (!in->Raw(&bytes)) return false;
    *to = bytes;
    return true;
  };
  const bool good = in->Struct([&](std::string_view name) {
    if (name == "Name") return text(&out->name);
    if (name == "Addr") return text(&out->address);
    if (name == "Meta") return text(&out->meta);
    if (name == "Vsn") return text(&out->versions);
    if (name == "Port") return in->Number(&port);
    if (name == "Incarnation") return in->Number(&incarnation);
    if (name == "State") return in->Number(&state);
    return in->Skip();
  });
  if (!good || port > 0xffff || incarnation > 0xffffffff || state > 3) return false;
  out->port = static_cast<std::uint32_t>(port);
  out->incarnation = static_cast<std::uint32_t>(incarnation);
  out->state = static_cast<MemberState>(state);
  return true;
}

Status Malformed(const char* what) { return {Code::kInvalidArgument, what}; }

Status RemoteError(std::string_view rest) {
  Unpacker in(rest);
  std::string_view text;
  (void)in.Struct(
      [&](std::string_view name) { return name == "Error" ? in.Raw(&text) : in.Skip(); });
  return {Code::kFailedPrecondition, "it refused: " + std::string(text)};
}

}  // namespace

std::string Encode(const PushPull& message) {
  const std::string state = EncodeState(message);
  std::string bytes(1, kPushPull);
  Packer out(&bytes);
  out.Map(3);
  out.Raw("Join");
  out.Bool(message.join);
  out.Raw("Nodes");
  out.Number(static_cast<std::uint32_t>(message.members.size()));
  out.Raw("UserStateLen");
  out.Number(static_cast<std::uint32_t>(state.size()));
  for (const Member& member : message.members) EncodeMember(member, &out);
  return bytes + state;
}

Result<PushPull> Decode(std::string_view message) {
  if (message.empty()) return Malformed("an empty message");
  if (message.front() == kError) return RemoteError(message.substr(1));
  if (message.front() != kPushPull) return Malformed("not the message that was asked for");
  Unpacker in(message.substr(1));
  PushPull out;
  std::uint64_t members = 0;
  std::uint64_t state_size = 0;
  const bool header = in.Struct([&](std::string_view name) {
    if (name == "Join") return in.Bool(&out.join);
    if (name == "Nodes") return in.Number(&members);
    return name == "UserStateLen" ? in.Number(&state_size) : in.Skip();
  });
  // Each member takes at least a byte.
  if (!header || members > kMostMembers || members > in.rest().size()) {
    return Malformed("a wrong header");
  }
  for (; members > 0; --members) {
    if (!DecodeMember(&in, &out.members.emplace_back())) return Malformed("a wrong member");
  }
  std::string_view state;
  if (!in.Take(state_size, &state)) return Malformed("state that is cut short");
  if (!state.empty() && !DecodeState(state, &out)) return Malformed("state that is damaged");
  return out;
}

}  // namespace swarm::gossip
