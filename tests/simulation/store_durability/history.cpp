#include "history.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <utility>

#include "swarmkit/v1/snapshot.pb.h"

namespace swarm::durability {

AttemptPtr History::Begin() {
  auto attempt = std::make_shared<Attempt>();
  attempt->number = ++last_number_;
  open_.push_back(attempt);
  return attempt;
}

void History::Run(Attempt& attempt) {
  attempt.ran = true;
  attempt.failed = false;
  attempt.version = 0;
  attempt.writes.clear();
  attempt.seen.clear();
}

void History::Wrong(const std::string& what) {
  if (mistake_.empty()) mistake_ = what;
}

void History::Make(const Attempt& attempt, Index index) {
  const Status made = reference_.ApplyNow(index, [&](Transaction& tx) {
    for (const Write& w : attempt.writes) {
      if (w.change == Change::kRemove) {
        SWARM_RETURN_IF_ERROR(tx.Delete(w.table, w.id));
      } else if (w.table == Table::kTask) {
        auto task = std::make_shared<Task>(*w.task);
        SWARM_RETURN_IF_ERROR(w.change == Change::kCreate ? tx.CreateTask(std::move(task))
                                                          : tx.UpdateTask(std::move(task)));
      } else {
        std::shared_ptr<google::protobuf::Message> copy(w.message->New());
        copy->CopyFrom(*w.message);
        SWARM_RETURN_IF_ERROR(w.change == Change::kCreate
                                  ? tx.CreateMessage(w.table, std::move(copy))
                                  : tx.UpdateMessage(w.table, std::move(copy)));
      }
    }
    return Status::Ok();
  });
  if (!made.ok()) {
    Wrong("transaction " + std::to_string(attempt.number) +
          " was accepted, but the reference store says " + made.ToString());
  }
  const bool gives_version = attempt.version != 0;  // removals alone do not
  if (gives_version && !versions_.insert(attempt.version).second) {
    Wrong("version " + std::to_string(attempt.version) + " was given twice");
  }
  if (attempt.version + 1 > index.value()) {
    Wrong("version " + std::to_string(attempt.version) + " in the entry " +
          std::to_string(index.value()));
  }
  index_ = index;
}

void History::CheckSeen(const Attempt& attempt) {
  for (const Seen& seen : attempt.seen) {
    const ViewPtr view = reference_.Read();
    bool present = false;
    std::uint64_t version = 0;
    if (seen.table == Table::kTask) {
      const TaskPtr task = view->GetTask(seen.id);
      present = task != nullptr;
      if (present) version = task->version;
    } else if (const auto service = view->Get<pb::Service>(seen.id)) {
      present = true;
      version = service->meta().version().index();
    }
    if (present != seen.present || version != seen.version) {
      Wrong("transaction " + std::to_string(attempt.number) + " was answered from a state with " +
            seen.id + (seen.present ? " at version " + std::to_string(seen.version) : " absent") +
            ", which is not the durable one");
    }
  }
}

void History::Acknowledge(const AttemptPtr& attempt, Index index) {
  for (const AttemptPtr& other : open_) {
    if (other->ran && !other->failed && !other->writes.empty() && other->number < attempt->number) {
      Wrong("transaction " + std::to_string(attempt->number) + " was acknowledged before " +
            std::to_string(other->number) + ", on which it was built");
    }
  }
  CheckSeen(*attempt);
  if (!attempt->writes.empty()) {
    if (index <= index_) Wrong("indices do not rise");
    Make(*attempt, index);
  }
  std::erase(open_, attempt);
}

void History::Fail(const AttemptPtr& attempt, bool definite) {
  if (!definite) return;
  if (attempt->failed) CheckSeen(*attempt);
  std::erase(open_, attempt);
}

std::string History::Canonical(const std::string& image) {
  pb::StoreSnapshot snapshot;
  if (!snapshot.ParseFromString(image)) return "not a snapshot";
  std::string out;
  google::protobuf::io::StringOutputStream stream(&out);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  snapshot.SerializeToCodedStream(&coded);
  coded.Trim();
  return out;
}

std::string History::Content() const { return Canonical(reference_.Image().data); }

void History::Recover(const std::string& image) {
  const std::string found = Canonical(image);
  std::vector<AttemptPtr> open(open_.begin(), open_.end());
  open_.clear();
  std::erase_if(open,
                [](const AttemptPtr& a) { return !a->ran || a->failed || a->writes.empty(); });
  for (const AttemptPtr& attempt : open) {
    if (Content() == found) return;
    ++adopted_;
    // Its index is not known; the version's bound cannot be checked, its uniqueness can.
    Make(*attempt, Index(std::max(index_.value(), attempt->version) + 1));
  }
  if (Content() != found) {
    Wrong(
        "after the restart the content is not what was acknowledged, nor that and a beginning "
        "of the " +
        std::to_string(open.size()) + " transactions left open");
  }
}

}  // namespace swarm::durability
