#include "key_store.h"

#include <utility>

#include "log_keys.h"
#include "swarm/files.h"

namespace swarm::ca {

KeyStore::KeyStore(Runtime& runtime, std::string_view state_dir)
    : runtime_(runtime), files_(runtime.files(), state_dir) {}

Result<pki::KeyFile> KeyStore::Read(const std::string& kek) const {
  SWARM_ASSIGN_OR_RETURN(const std::string pem, ReadFile(runtime_.files(), files_.KeyPath()));
  return pki::KeyFile::Parse(pem, kek);
}

Result<std::string> KeyStore::Reseal(pki::KeyFile file, const std::string& old_kek,
                                     const Kek& next) {
  SWARM_ASSIGN_OR_RETURN(const LogKeys keys, ReadLogKeys(file, old_kek));
  SWARM_RETURN_IF_ERROR(PutLogKeys(file, keys, next.key, runtime_));
  file.headers[std::string(pki::kKekVersionHeader)] = std::to_string(next.version);
  // The key of the log lay open until now.
  const bool sealed_now = old_kek.empty() && !next.key.empty() && !keys.current.empty();
  if (sealed_now) file.headers[std::string(pki::kRaftDekNeedsRotationHeader)] = "true";
  return file.Format(next.key, *runtime_.NewRandom());
}

Result<std::string> KeyStore::SavePair(const std::string& certificate_pem,
                                       const pki::PrivateKey& key, pb::NodeRole role,
                                       const std::string& known, const Kek& next) {
  auto old = Read(known);
  if (!old.ok() && old.status().code() != Code::kNotFound) return old.status();
  pki::KeyFile file{key, {}, false};
  Kek use = role == pb::MANAGER ? next : Kek{};
  std::string old_kek;
  if (old.ok()) {
    old_kek = old->encrypted ? known : std::string();
    file.headers = old->headers;
    file.encrypted = old->encrypted;
    // The answer may be older than what the cluster object has told since.
    if (role == pb::MANAGER && old->KekVersion() >= next.version) {
      use = {old_kek, old->KekVersion()};
    }
  }
  SWARM_ASSIGN_OR_RETURN(std::string text, Reseal(std::move(file), old_kek, use));
  SWARM_RETURN_IF_ERROR(files_.WritePair({certificate_pem, std::move(text)}));
  return use.key;
}

Result<std::string> KeyStore::ChangeKek(const std::string& known, const Kek& next) {
  SWARM_ASSIGN_OR_RETURN(const pki::KeyFile file, Read(known));
  std::string old = file.encrypted ? known : std::string();
  if (next.version < file.KekVersion() || old == next.key) return old;
  // A new node's file has version 0 whatever the cluster's first version says.
  const bool initial = next.version == 0 && old.empty();
  if (next.version == file.KekVersion() && !initial) {
    return Status(Code::kFailedPrecondition,
                  "the cluster has two unlock keys of version " + std::to_string(next.version));
  }
  SWARM_ASSIGN_OR_RETURN(const std::string text, Reseal(file, old, next));
  SWARM_RETURN_IF_ERROR(files_.WriteKey(text));
  return next.key;
}

Status KeyStore::WriteLogKeys(pki::KeyFile file, const std::string& kek, const LogKeys& keys) {
  SWARM_RETURN_IF_ERROR(PutLogKeys(file, keys, kek, runtime_));
  SWARM_ASSIGN_OR_RETURN(const std::string text, file.Format(kek, *runtime_.NewRandom()));
  return files_.WriteKey(text);
}

Status KeyStore::SaveLogKeys(const std::string& known, const LogKeys& keys) {
  SWARM_ASSIGN_OR_RETURN(pki::KeyFile file, Read(known));
  const std::string kek = file.encrypted ? known : std::string();
  return WriteLogKeys(std::move(file), kek, keys);
}

Result<LogKeys> KeyStore::BeginRotation(const std::string& known) {
  SWARM_ASSIGN_OR_RETURN(pki::KeyFile file, Read(known));
  const std::string kek = file.encrypted ? known : std::string();
  SWARM_ASSIGN_OR_RETURN(LogKeys keys, ReadLogKeys(file, kek));
  if (!keys.rotation_wanted || !keys.pending.empty() || keys.current.empty()) return keys;
  keys.pending = NewLogKey(*runtime_.NewRandom());
  keys.rotation_wanted = false;
  SWARM_RETURN_IF_ERROR(WriteLogKeys(std::move(file), kek, keys));
  return keys;
}

Status KeyStore::EndRotation(const std::string& known, const std::string& key) {
  SWARM_ASSIGN_OR_RETURN(pki::KeyFile file, Read(known));
  const std::string kek = file.encrypted ? known : std::string();
  SWARM_ASSIGN_OR_RETURN(LogKeys keys, ReadLogKeys(file, kek));
  // The log has gone meanwhile, and its keys with it.
  if (keys.pending != key) return {};
  keys.current = std::exchange(keys.pending, {});
  return WriteLogKeys(std::move(file), kek, keys);
}

}  // namespace swarm::ca
