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

class Joining;
class Renewing;
struct Held;

// Threading: what reads files is [blocking]; joining, renewing and changes of the key file run on a
// loop of its own.
class Identities final : public Instance, public IdentityProvider {
 public:
  static Result<std::unique_ptr<Instance>> Create(InstanceContext& context);
  explicit Identities(InstanceContext& context);
  ~Identities() override;

  void* role() noexcept override { return static_cast<IdentityProvider*>(this); }
  void Start(Function<void(Status)> done) noexcept override { done({}); }
  void Stop(Function<void()> done) noexcept override;

  Result<NodeIdentity> LoadOrCreate(const IdentityRequest& request) noexcept override;
  void Join(const IdentityRequest& request,
            Function<void(Result<NodeIdentity>)> done) noexcept override;
  std::unique_ptr<Renewal> KeepValid(RenewalParts parts) noexcept override;
  std::shared_ptr<const Credentials> Current(std::string_view state_dir) noexcept override;
  Result<LogKeys> LoadLogKeys(const IdentityRequest& request) noexcept override;
  void SaveLogKeys(std::string_view state_dir, LogKeys keys,
                   Function<void(Status)> done) noexcept override;
  void BeginLogKeyRotation(std::string_view state_dir,
                           Function<void(Result<LogKeys>)> done) noexcept override;
  void EndLogKeyRotation(std::string_view state_dir, std::string key,
                         Function<void(Status)> done) noexcept override;
  void ChangeUnlockKey(std::string_view state_dir, std::string key, std::uint64_t version,
                       Function<void(Status)> done) noexcept override;

 private:
  // What is known of one state directory.
  struct Known {
    std::string kek;  // opens the key file
    std::shared_ptr<const Credentials> credentials;
    std::weak_ptr<Renewing> renewing;
  };

  // The trusted roots on disk, and the root's key where somebody has put it there; nothing when
  // there are no roots.
  Result<std::optional<pki::RootCa>> LoadRoot(pki::NodeFiles& files);
  Result<Held> Load(pki::NodeFiles& files, const pki::RootCa& root, const std::string& kek,
                    bool allow_expired);
  Result<NodeIdentity> Found(pki::NodeFiles& files, const std::string& state_dir);
  Status ChangeKek(const std::string& state_dir, const std::string& key, std::uint64_t version);
  void ReplaceKey(const std::string& state_dir);

  std::string KekFor(std::string_view state_dir) const;
  void RememberKek(std::string_view state_dir, std::string_view kek);
  void Remember(std::string_view state_dir, std::shared_ptr<const Credentials> credentials);

  InstanceContext& context_;
  Runtime& runtime_;
  const Logger logger_;
  mutable std::mutex mutex_;
  std::map<std::string, Known, std::less<>> known_;  // by state directory; guarded by mutex_
  std::shared_ptr<Joining> joining_;                 // on the loop
  bool stopped_ = false;                             // on the loop
  std::shared_ptr<Loop> loop_;
};

}  // namespace swarm::ca
