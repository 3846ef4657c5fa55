// The files of a node's identity in <state>/certificates, written so that a crash at any moment
// leaves a certificate and a key that belong together.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "swarm/files.h"
#include "swarm/function.h"
#include "swarm/status.h"

namespace swarm::pki {

// Threading: [blocking].
class NodeFiles {
 public:
  // `state_dir`: of the node; folders are made when first written to.
  NodeFiles(FileSystem& files, std::string_view state_dir);

  struct Pair {
    std::string certificate_pem;
    std::string key_pem;  // as on disk, maybe encrypted
  };
  // Whether a certificate and a key belong together: an error says why not.
  using Check = Function<Status(const Pair&)>;

  // NotFound when absent.
  Result<std::string> ReadRoot() const;
  Result<std::string> ReadRootKey() const;
  Status WriteRoot(std::string_view pem);

  // NotFound when one is absent, `check`'s error when they do not fit. An interrupted write is
  // finished or undone first.
  Result<Pair> ReadPair(Check check);
  Status WritePair(const Pair& pair);
  // The key alone, for new headers or another encryption.
  Status WriteKey(std::string_view pem);

  const std::string& folder() const { return folder_; }
  std::string CertificatePath() const { return folder_ + "/swarm-node.crt"; }
  std::string KeyPath() const { return folder_ + "/swarm-node.key"; }
  std::string RootPath() const { return folder_ + "/swarm-root-ca.crt"; }

 private:
  std::string TemporaryCertificatePath() const { return folder_ + "/.swarm-node.crt"; }
  std::string LegacyKeyPath() const { return folder_ + "/.swarm-node.key"; }
  Status MakeFolders();
  Status MigrateLegacyKey(Check& check);

  FileSystem& files_;
  const std::string state_dir_;
  const std::string folder_;
};

}  // namespace swarm::pki
