// What has been proposed and is not yet written, and which proposals are still to be taken.
//
// A refusal waits in the queue behind the proposals before it, so that the store learns of
// everything in order. Threading: [any].
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "consensus/request_ids.h"
#include "swarm/ids.h"
#include "swarm/status.h"

namespace swarm::consensus {

struct Proposal {
  ProposalEpoch epoch;
  Sequence sequence;
  std::string changes;
  // The request's id field, which goes in front of the changes.
  std::array<char, 12> head{};
  std::size_t head_size = 0;
  Index index;  // once written

  std::string_view head_bytes() const { return {head.data(), head_size}; }
};

struct Refusal {
  ProposalEpoch epoch;
  Sequence first;
  Status why;
};

// The next things to do, in order: write `proposals`, then report `refusal`.
struct Batch {
  std::vector<Proposal> proposals;
  std::optional<Refusal> refusal;

  bool empty() const { return proposals.empty() && !refusal; }
};

class Proposals {
 public:
  explicit Proposals(RequestIds ids) : ids_(ids) {}

  // From now on this node leads; epochs can be opened.
  void Lead(LeaderEpoch leadership);
  // Leads no more: the queue is dropped, and proposals are ignored.
  void Resign();
  LeaderEpoch leadership() const;

  Result<ProposalEpoch> OpenEpoch(LeaderEpoch leadership);
  ProposalEpoch current_epoch() const;

  // True when a writer must be started: it calls Take until that is empty.
  [[nodiscard]] bool Add(ProposalEpoch epoch, Sequence sequence, std::string changes);
  // At most `bytes` of proposals, but at least one.
  Batch Take(std::size_t bytes);
  // `batch` could not be written: drops the queue as well. One refusal an epoch.
  std::vector<Refusal> Refuse(const Batch& batch, const Status& why);

 private:
  // Either a proposal or a refusal.
  struct Item {
    Proposal proposal;
    std::optional<Refusal> refusal;
  };
  std::optional<Status> Check(ProposalEpoch epoch, Sequence sequence, std::size_t size) const;
  void Clear();

  mutable std::mutex mutex_;  // guards all below; nothing else is locked under it
  RequestIds ids_;
  LeaderEpoch leadership_;
  ProposalEpoch epoch_;
  std::uint64_t epochs_ = 0;
  Sequence next_{1};
  bool refusing_ = true;  // until the next epoch
  std::deque<Item> queue_;
  std::size_t queued_bytes_ = 0;
  bool writing_ = false;
};

}  // namespace swarm::consensus
