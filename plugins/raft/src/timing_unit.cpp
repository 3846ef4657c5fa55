#include "timing_unit.h"

#include <string>
#include <utility>

#include "consensus/timing_label.h"

namespace swarm::raft {
namespace {

constexpr const char* kClusterName = "default";

}  // namespace

Status WriteProfile(Transaction& transaction, Profile profile) {
  SWARM_ASSIGN_OR_RETURN(const auto found, transaction.Find<pb::Cluster>(By::Name(kClusterName)));
  if (found.empty() || ProfileOf(*found.front()) == profile) return Status::Ok();
  auto cluster = std::make_shared<pb::Cluster>(*found.front());
  auto& labels = *cluster->mutable_spec()->mutable_annotations()->mutable_labels();
  labels[std::string(consensus::kTimingLabel)] = std::string(NameOf(profile));
  return transaction.Update(std::move(cluster));
}

TimingUnit::~TimingUnit() = default;

void TimingUnit::Start(Function<void(Status)> done) noexcept {
  if (!keeper_) return done(Status::Ok());
  Result<WriterPtr> writer = store_.CurrentWriter();
  if (!writer.ok()) return done(writer.status());
  keeper_->Lead([writer = *std::move(writer)](Profile profile, Function<void(Status)> written) {
    writer->Update(
        [profile](Transaction& transaction) { return WriteProfile(transaction, profile); },
        [written = std::move(written)](const Result<Index>& outcome) mutable {
          written(outcome.status());
        });
  });
  done(Status::Ok());
}

void TimingUnit::Stop(Function<void()> done) noexcept {
  if (!keeper_) return done();
  keeper_->Resign(std::move(done));
}

}  // namespace swarm::raft
