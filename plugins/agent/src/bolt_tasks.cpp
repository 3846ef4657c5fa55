#include "bolt_tasks.h"

#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>

namespace swarm::agent {
namespace {

// Numbers are stored as the machine has them, which on everything bbolt runs on is little-endian.
constexpr std::uint32_t kMagic = 0xED0CDAED;
constexpr std::uint32_t kVersion = 2;
constexpr std::uint16_t kBranch = 0x01;
constexpr std::uint16_t kLeaf = 0x02;
constexpr std::uint32_t kBucket = 0x01;  // flag of a leaf's entry
constexpr std::size_t kPageHeader = 16;
constexpr std::size_t kEntry = 16;
constexpr std::size_t kBucketHeader = 16;
constexpr std::size_t kMetaSize = 64;
constexpr std::size_t kMetaChecked = 56;  // bytes before the checksum
// Far deeper than any file gets, and an end for pages that refer to themselves.
constexpr int kDeepest = 32;

Status Damaged() { return {Code::kDataLoss, "the task database is damaged"}; }

template <class T>
std::optional<T> Number(std::string_view bytes, std::size_t at) {
  if (at > bytes.size() || bytes.size() - at < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof(T));
  return value;
}

std::uint64_t Fnv1a(std::string_view bytes) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : bytes) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3;
  }
  return hash;
}

struct Meta {
  std::uint32_t page_size = 0;
  std::uint64_t root = 0;
  std::uint64_t transaction = 0;
};

std::optional<Meta> ReadMeta(std::string_view file, std::size_t page) {
  const std::size_t begin = page + kPageHeader;
  if (begin > file.size() || file.size() - begin < kMetaSize) return std::nullopt;
  const std::string_view meta = file.substr(begin, kMetaSize);
  const bool whole =
      Number<std::uint32_t>(meta, 0) == kMagic && Number<std::uint32_t>(meta, 4) == kVersion &&
      Number<std::uint64_t>(meta, kMetaChecked) == Fnv1a(meta.substr(0, kMetaChecked));
  if (!whole) return std::nullopt;
  return Meta{*Number<std::uint32_t>(meta, 8), *Number<std::uint64_t>(meta, 16),
              *Number<std::uint64_t>(meta, 48)};
}

// An entry of a leaf: a value or a bucket.
struct Entry {
  std::string_view key;
  std::string_view value;
  bool bucket = false;
};
using Visit = std::function<Status(const Entry&)>;

class Reader {
 public:
  Reader(std::string_view file, std::uint32_t page_size) : file_(file), page_size_(page_size) {}

  Status VisitPage(std::uint64_t page, const Visit& visit, int depth = 0) const {
    const std::size_t pages = file_.size() / page_size_;
    // No page belongs to two places, so more visits than pages go in circles.
    if (depth > kDeepest || page >= pages || ++visits_ > pages) return Damaged();
    return VisitNode(file_.substr(page * page_size_), visit, depth);
  }
  // A bucket is a page of its own, or lies in its parent's value.
  Status VisitBucket(std::string_view value, const Visit& visit) const {
    const auto root = Number<std::uint64_t>(value, 0);
    if (!root || value.size() < kBucketHeader) return Damaged();
    if (*root != 0) return VisitPage(*root, visit);
    return VisitNode(value.substr(kBucketHeader), visit, 0);
  }

 private:
  // `node`: begins with a page's header; may go on behind its end, as pages overflow.
  Status VisitNode(std::string_view node, const Visit& visit, int depth) const {
    const auto flags = Number<std::uint16_t>(node, 8);
    const auto count = Number<std::uint16_t>(node, 10);
    if (!flags || !count) return Damaged();
    for (std::size_t i = 0; i < *count; ++i) {
      const std::size_t at = kPageHeader + i * kEntry;
      if (at + kEntry > node.size()) return Damaged();
      if (*flags == kBranch) {
        SWARM_RETURN_IF_ERROR(VisitPage(*Number<std::uint64_t>(node, at + 8), visit, depth + 1));
      } else if (*flags == kLeaf) {
        SWARM_RETURN_IF_ERROR(VisitEntry(node, at, visit));
      } else {
        return Damaged();
      }
    }
    return {};
  }

  static Status VisitEntry(std::string_view node, std::size_t at, const Visit& visit) {
    const std::size_t begin = at + *Number<std::uint32_t>(node, at + 4);
    const std::size_t key = *Number<std::uint32_t>(node, at + 8);
    const std::size_t value = *Number<std::uint32_t>(node, at + 12);
    if (begin > node.size() || node.size() - begin < key + value) return Damaged();
    const bool bucket = (*Number<std::uint32_t>(node, at) & kBucket) != 0;
    return visit({node.substr(begin, key), node.substr(begin + key, value), bucket});
  }

  const std::string_view file_;
  const std::uint32_t page_size_;
  mutable std::size_t visits_ = 0;
};

Result<Meta> NewestMeta(std::string_view file) {
  // The second copy lies a page further, whose size the first tells; without it all are tried.
  std::optional<Meta> best = ReadMeta(file, 0);
  for (const std::size_t size : {1024, 2048, 4096, 8192, 16384, 32768, 65536}) {
    const auto other = ReadMeta(file, size);
    if (!other || other->page_size != size) continue;
    if (!best || other->transaction > best->transaction) best = other;
  }
  if (!best || best->page_size < 512) {
    return Status(Code::kInvalidArgument, "it is no task database of format 2");
  }
  return *best;
}

Result<StoredTask> ReadTask(const Reader& reader, std::string_view bucket) {
  StoredTask task;
  task.assigned = false;
  SWARM_RETURN_IF_ERROR(reader.VisitBucket(bucket, [&task](const Entry& entry) -> Status {
    if (entry.key == "data") task.task = entry.value;
    if (entry.key == "status") task.status = entry.value;
    if (entry.key == "assigned") task.assigned = true;
    return {};
  }));
  return task;
}

}  // namespace

Result<StoredTasks> ReadBoltTasks(std::string_view file) {
  SWARM_ASSIGN_OR_RETURN(const Meta meta, NewestMeta(file));
  const Reader reader(file, meta.page_size);
  StoredTasks tasks;
  const Visit take_task = [&](const Entry& entry) -> Status {
    if (!entry.bucket) return {};
    SWARM_ASSIGN_OR_RETURN(StoredTask task, ReadTask(reader, entry.value));
    // What is not assigned is a leftover that the original deletes when it starts.
    if (task.assigned && !task.task.empty()) tasks[std::string(entry.key)] = std::move(task);
    return {};
  };
  const auto into = [&reader](std::string_view name, const Visit& visit) -> Visit {
    return [&reader, name, visit](const Entry& entry) -> Status {
      if (!entry.bucket || entry.key != name) return {};
      return reader.VisitBucket(entry.value, visit);
    };
  };
  SWARM_RETURN_IF_ERROR(reader.VisitPage(meta.root, into("v1", into("tasks", take_task))));
  return tasks;
}

}  // namespace swarm::agent
