#include "standalone.h"

#include <utility>

namespace swarm::standalone {

void Standalone::Stop(Function<void()> done) noexcept {
  group_->Stop();
  done();
}

Result<ProposalEpoch> Standalone::OpenEpoch(LeaderEpoch leadership) noexcept {
  return group_->OpenEpoch(leadership);
}

void Standalone::Propose(ProposalEpoch epoch, Sequence sequence, std::string changes) noexcept {
  group_->Propose(epoch, sequence, std::move(changes));
}

Status Standalone::TransferLeadership() noexcept {
  return Status(Code::kFailedPrecondition,
                "this is the only manager of the group: nobody can take over leadership");
}

void Standalone::UseLogKey(std::string key, Function<void(Status)> done) noexcept {
  group_->UseLogKey(std::move(key), std::move(done));
}

void Standalone::ReadLog(Index from, Index to,
                         Function<void(Result<std::vector<CommittedEntry>>)> done) noexcept {
  group_->ReadLog(from, to, std::move(done));
}

}  // namespace swarm::standalone
