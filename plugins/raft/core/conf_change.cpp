#include "core/conf_change.h"

#include <utility>

namespace swarm::raft {
namespace {

constexpr std::uint64_t kVarint = 0;
constexpr std::uint64_t kBytes = 2;

void PutVarint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7U) out.push_back(static_cast<char>(value | 0x80U));
  out.push_back(static_cast<char>(value));
}

void PutNumber(std::string& out, std::uint64_t field, std::uint64_t value) {
  PutVarint(out, field << 3U | kVarint);
  PutVarint(out, value);
}

void PutBytes(std::string& out, std::uint64_t field, std::string_view value) {
  PutVarint(out, field << 3U | kBytes);
  PutVarint(out, value.size());
  out.append(value);
}

// Reads the fields of one protobuf message.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  // The next field; false at the end or when the bytes make no sense.
  bool Next() {
    if (rest_.empty() || bad_) return false;
    const std::uint64_t tag = Varint();
    field_ = tag >> 3U;
    number_ = 0;
    bytes_ = {};
    switch (tag & 7U) {
      case 0:
        number_ = Varint();
        break;
      case 1:
        Skip(8);
        break;
      case 2:
        bytes_ = Skip(Varint());
        break;
      case 5:
        Skip(4);
        break;
      default:
        bad_ = true;
    }
    return !bad_ && field_ != 0;
  }
  bool good() const { return !bad_ && rest_.empty(); }
  std::uint64_t field() const { return field_; }
  std::uint64_t number() const { return number_; }
  std::string_view bytes() const { return bytes_; }

 private:
  std::uint64_t Varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) break;
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
      if (byte < 0x80) return value;
    }
    bad_ = true;
    return 0;
  }
  std::string_view Skip(std::uint64_t count) {
    if (count > rest_.size()) {
      bad_ = true;
      return {};
    }
    const std::string_view skipped = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return skipped;
  }

  std::string_view rest_;
  std::uint64_t field_ = 0;
  std::uint64_t number_ = 0;
  std::string_view bytes_;
  bool bad_ = false;
};

std::optional<ConfChangeStep> DecodeStep(std::string_view bytes) {
  ConfChangeStep step;
  Reader reader(bytes);
  while (reader.Next()) {
    if (reader.field() == 1) step.type = static_cast<ConfChangeType>(reader.number());
    if (reader.field() == 2) step.member = RaftId(reader.number());
  }
  if (!reader.good()) return std::nullopt;
  return step;
}

}  // namespace

ConfChangeV2 ToV2(const ConfChange& change) {
  return {Transition::kAuto, {{change.type, change.member}}, change.context};
}

std::string Encode(const ConfChange& change) {
  std::string out;
  PutNumber(out, 1, change.id);
  PutNumber(out, 2, static_cast<std::uint64_t>(change.type));
  PutNumber(out, 3, change.member.value());
  if (!change.context.empty()) PutBytes(out, 4, change.context);
  return out;
}

std::string Encode(const ConfChangeV2& change) {
  std::string out;
  PutNumber(out, 1, static_cast<std::uint64_t>(change.transition));
  for (const ConfChangeStep& step : change.steps) {
    std::string inner;
    PutNumber(inner, 1, static_cast<std::uint64_t>(step.type));
    PutNumber(inner, 2, step.member.value());
    PutBytes(out, 2, inner);
  }
  if (!change.context.empty()) PutBytes(out, 3, change.context);
  return out;
}

std::optional<ConfChange> DecodeConfChange(std::string_view bytes) {
  ConfChange change;
  Reader reader(bytes);
  while (reader.Next()) {
    switch (reader.field()) {
      case 1:
        change.id = reader.number();
        break;
      case 2:
        change.type = static_cast<ConfChangeType>(reader.number());
        break;
      case 3:
        change.member = RaftId(reader.number());
        break;
      case 4:
        change.context = reader.bytes();
        break;
      default:
        break;
    }
  }
  if (!reader.good()) return std::nullopt;
  return change;
}

std::optional<ConfChangeV2> DecodeConfChangeV2(std::string_view bytes) {
  ConfChangeV2 change;
  Reader reader(bytes);
  while (reader.Next()) {
    switch (reader.field()) {
      case 1:
        change.transition = static_cast<Transition>(reader.number());
        break;
      case 2: {
        std::optional<ConfChangeStep> step = DecodeStep(reader.bytes());
        if (!step) return std::nullopt;
        change.steps.push_back(*step);
        break;
      }
      case 3:
        change.context = reader.bytes();
        break;
      default:
        break;
    }
  }
  if (!reader.good()) return std::nullopt;
  return change;
}

std::optional<ConfChangeV2> DecodeConfChange(const Entry& entry) {
  const std::string_view bytes = entry.data ? std::string_view(*entry.data) : std::string_view();
  if (entry.type == EntryType::kConfChangeV2) return DecodeConfChangeV2(bytes);
  std::optional<ConfChange> change = DecodeConfChange(bytes);
  if (!change) return std::nullopt;
  return ToV2(*change);
}

}  // namespace swarm::raft
