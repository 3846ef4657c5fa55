#include "key_manager.h"

#include <span>
#include <string_view>
#include <utility>

#include "keys.h"

namespace swarm::keymanager {
namespace {

constexpr std::string_view kDefaultCluster = "default";
constexpr std::uint64_t kFirstClocks = 1 << 16;

// Drawn in advance: a transaction may run again, and must then write the same.
struct Drawn {
  std::vector<std::string> keys;
  std::uint64_t first_clock = 0;
};

Drawn Draw(Random& random) {
  Drawn out;
  out.first_clock = random.Below(kFirstClocks);
  for (std::size_t i = 0; i < kFreshKeys; ++i) {
    std::string key(kKeyBytes, '\0');
    random.Fill(std::as_writable_bytes(std::span(key)));
    out.keys.push_back(std::move(key));
  }
  return out;
}

Status Change(Transaction& tx, const Drawn& drawn, bool rotate) {
  SWARM_ASSIGN_OR_RETURN(const auto found,
                         tx.Find<pb::Cluster>(By::Name(std::string(kDefaultCluster))));
  if (found.empty()) return Status::Ok();
  auto cluster = std::make_shared<pb::Cluster>(*found.front());
  std::size_t used = 0;
  const NextKey next = [&] { return drawn.keys.at(used++); };
  // A list that had to be mended is new enough.
  if (!Complete(cluster.get(), drawn.first_clock, next)) {
    if (!rotate) return Status::Ok();
    Rotate(cluster.get(), next);
  }
  return tx.Update(std::move(cluster));
}

}  // namespace

KeyManager::KeyManager(component::Env& env, KeyManagerOptions options)
    : env_(env), options_(options) {}

void KeyManager::Begin(const ViewPtr&) {
  Write(false);
  ArmRotation();
}

void KeyManager::OnCommit(const Commit& commit) {
  for (const Event& event : commit.events) {
    if (event.table == Table::kCluster && event.change == Change::kCreate) Write(false);
  }
}

void KeyManager::ArmRotation() {
  rotation_ = env_.loop().After(options_.rotation, [this] {
    Write(true);
    ArmRotation();
  });
}

void KeyManager::Write(bool rotate) {
  env_.Update(
      [drawn = Draw(env_.random()), rotate](Transaction& tx) { return Change(tx, drawn, rotate); },
      [this, rotate](const Status& status) {
        if (!status.ok()) {
          env_.logger().Warn("network keys not written", {{"error", status.ToString()}});
        } else if (rotate) {
          env_.logger().Info("network keys rotated", {});
        }
      });
}

}  // namespace swarm::keymanager
