// Who this node is, from its files or newly made. Role identity/1.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "pki/node_files.h"
#include "pki/root_ca.h"
#include "swarm/ca.h"
#include "swarm/log.h"
#include "swarm/plugin.h"
#include "swarm/runtime.h"

namespace swarm::ca {

// Threading: [blocking].
class Identities final : public Instance, public IdentityProvider {
 public:
  static Result<std::unique_ptr<Instance>> Create(InstanceContext& context);
  explicit Identities(InstanceContext& context);

  void* role() noexcept override { return static_cast<IdentityProvider*>(this); }
  void Start(Function<void(Status)> done) noexcept override { done({}); }
  void Stop(Function<void()> done) noexcept override { done(); }

  Result<NodeIdentity> LoadOrCreate(const IdentityRequest& request) noexcept override;
  Result<LogKeys> LoadLogKeys(const IdentityRequest& request) noexcept override;
  Status ChangeUnlockKey(std::string_view state_dir, std::string_view key,
                         std::uint64_t version) noexcept override;

 private:
  // The trusted roots on disk, and the root's key where somebody has put it there; nothing when
  // there are no roots.
  Result<std::optional<pki::RootCa>> LoadRoot(pki::NodeFiles& files);
  Result<NodeIdentity> Load(pki::NodeFiles& files, const pki::RootCa& root, const std::string& kek);
  Result<NodeIdentity> Found(pki::NodeFiles& files);

  std::string KekFor(std::string_view state_dir) const;
  void RememberKek(std::string_view state_dir, std::string_view kek);

  Runtime& runtime_;
  const Logger logger_;
  mutable std::mutex mutex_;
  // What opens the key file of a state directory; guarded by mutex_.
  std::map<std::string, std::string, std::less<>> keks_;
};

}  // namespace swarm::ca
