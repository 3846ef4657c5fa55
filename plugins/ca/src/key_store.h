// Changes to the node's certificate, key and the headers of the key file on disk.
#pragma once

#include <cstdint>
#include <string>

#include "pki/key_file.h"
#include "pki/node_files.h"
#include "swarm/ca.h"
#include "swarm/runtime.h"
#include "swarm/status.h"

namespace swarm::ca {

// What encrypts the key file, and since which version of the cluster object.
struct Kek {
  std::string key;  // raw bytes; empty: nothing
  std::uint64_t version = 0;
};

// Threading: [blocking]; one user at a time for each state directory.
class KeyStore {
 public:
  KeyStore(Runtime& runtime, std::string_view state_dir);

  pki::NodeFiles& files() { return files_; }
  // NotFound without a key file, Unauthenticated when `kek` does not open it.
  Result<pki::KeyFile> Read(const std::string& kek) const;

  // Puts a new pair in place of the old one, whose headers go over to the new key. `known` opens
  // the old key file. For a manager `next` encrypts it when it is newer than what did so far, for a
  // worker nothing does. Gives what encrypts the file now.
  Result<std::string> SavePair(const std::string& certificate_pem, const pki::PrivateKey& key,
                               pb::NodeRole role, const std::string& known, const Kek& next);
  // Encrypts the key file anew. Gives what encrypts it now.
  Result<std::string> ChangeKek(const std::string& known, const Kek& next);
  Status SaveLogKeys(const std::string& known, const LogKeys& keys);
  // As IdentityProvider has them.
  Result<LogKeys> BeginRotation(const std::string& known);
  Status EndRotation(const std::string& known, const std::string& key);

 private:
  Status WriteLogKeys(pki::KeyFile file, const std::string& kek, const LogKeys& keys);
  // `file` with its log keys sealed anew, as text.
  Result<std::string> Reseal(pki::KeyFile file, const std::string& old_kek, const Kek& next);

  Runtime& runtime_;
  pki::NodeFiles files_;
};

}  // namespace swarm::ca
