#include "pki/node_files.h"

#include <utility>

namespace swarm::pki {

namespace {

constexpr unsigned kPublic = 0644;
constexpr unsigned kPrivate = 0600;

}  // namespace

NodeFiles::NodeFiles(FileSystem& files, std::string_view state_dir)
    : files_(files), state_dir_(state_dir), folder_(state_dir_ + "/certificates") {}

Result<std::string> NodeFiles::ReadRoot() const { return ReadFile(files_, RootPath()); }

Result<std::string> NodeFiles::ReadRootKey() const {
  return ReadFile(files_, folder_ + "/swarm-root-ca.key");
}

Status NodeFiles::MakeFolders() {
  if (files_.Exists(folder_)) return {};
  SWARM_RETURN_IF_ERROR(files_.CreateDirectory(state_dir_, 0700));
  SWARM_RETURN_IF_ERROR(files_.CreateDirectory(folder_, 0755));
  SWARM_RETURN_IF_ERROR(files_.SyncDirectory(state_dir_));
  const std::size_t slash = state_dir_.rfind('/');
  if (slash == std::string::npos) return files_.SyncDirectory(".");
  return files_.SyncDirectory(slash == 0 ? "/" : state_dir_.substr(0, slash));
}

Status NodeFiles::WriteRoot(std::string_view pem) {
  SWARM_RETURN_IF_ERROR(MakeFolders());
  return WriteFileAtomically(files_, RootPath(), pem, kPublic);
}

Status NodeFiles::WriteKey(std::string_view pem) {
  SWARM_RETURN_IF_ERROR(MakeFolders());
  return WriteFileAtomically(files_, KeyPath(), pem, kPrivate);
}

// The certificate waits beside its place until the key is there: whenever a crash comes, one of
// the two certificates fits the key.
Status NodeFiles::WritePair(const Pair& pair) {
  SWARM_RETURN_IF_ERROR(MakeFolders());
  SWARM_RETURN_IF_ERROR(
      WriteFileAtomically(files_, TemporaryCertificatePath(), pair.certificate_pem, kPublic));
  SWARM_RETURN_IF_ERROR(WriteFileAtomically(files_, KeyPath(), pair.key_pem, kPrivate));
  // No sync: if the renaming is lost, the reader renames again.
  return files_.Rename(TemporaryCertificatePath(), CertificatePath());
}

// Older versions wrote the key to a temporary place first and the certificate in between.
Status NodeFiles::MigrateLegacyKey(Check& check) {
  if (!files_.Exists(LegacyKeyPath())) return {};
  auto certificate = ReadFile(files_, CertificatePath());
  SWARM_ASSIGN_OR_RETURN(std::string key, ReadFile(files_, LegacyKeyPath()));
  if (certificate.ok() && check({*certificate, std::move(key)}).ok()) {
    SWARM_RETURN_IF_ERROR(files_.Rename(LegacyKeyPath(), KeyPath()));
  } else {
    SWARM_RETURN_IF_ERROR(files_.Remove(LegacyKeyPath()));
  }
  return files_.SyncDirectory(folder_);
}

Result<NodeFiles::Pair> NodeFiles::ReadPair(Check check) {
  SWARM_RETURN_IF_ERROR(MigrateLegacyKey(check));
  SWARM_ASSIGN_OR_RETURN(const std::string key, ReadFile(files_, KeyPath()));
  auto certificate = ReadFile(files_, CertificatePath());
  Status problem = certificate.status();
  if (certificate.ok()) {
    Pair pair{std::move(*certificate), key};
    problem = check(pair);
    if (problem.ok()) return pair;
  }
  // A write may have been interrupted between the key and its certificate.
  auto temporary = ReadFile(files_, TemporaryCertificatePath());
  if (!temporary.ok()) return problem;
  Pair pair{std::move(*temporary), key};
  const Status fits = check(pair);
  if (fits.ok()) {
    SWARM_RETURN_IF_ERROR(files_.Rename(TemporaryCertificatePath(), CertificatePath()));
    return pair;
  }
  // A locked key tells nothing about the certificate.
  if (fits.code() == Code::kUnauthenticated) return problem;
  SWARM_RETURN_IF_ERROR(files_.Remove(TemporaryCertificatePath()));
  return problem;
}

}  // namespace swarm::pki
