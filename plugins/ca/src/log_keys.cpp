#include "log_keys.h"

#include <memory>
#include <span>

#include "pki/pem.h"
#include "swarmkit/v1/types.pb.h"
#include "wal/cipher.h"

namespace swarm::ca {

namespace {

using Record = pb::MaybeEncryptedRecord;

constexpr std::size_t kKeySize = 32;

Status Garbled(std::string_view header) {
  return {Code::kDataLoss, "header " + std::string(header) + " of the node's key is garbled"};
}

Result<std::string> Open(const pki::KeyFile& file, std::string_view header, std::string_view kek) {
  const auto found = file.headers.find(std::string(header));
  if (found == file.headers.end()) return std::string();
  auto bytes = pki::DecodeBase64(found->second);
  Record record;
  if (!bytes.ok() || !record.ParseFromString(*bytes)) return Garbled(header);
  if (record.algorithm() == Record::NONE) {
    // Plain inside of an encrypted file: somebody exchanged the header.
    if (file.encrypted) return Garbled(header);
    return record.data();
  }
  auto key = wal::Unsealer({std::string(kek)}, false).Unseal(*bytes);
  if (key.ok()) return key;
  return Status(Code::kUnauthenticated, std::string(pki::kLockedText));
}

Result<std::string> Seal(const std::string& key, std::string_view kek, Runtime& runtime) {
  std::string record;
  if (kek.empty()) {
    Record plain;
    plain.set_data(key);
    return plain.SerializeAsString();
  }
  wal::Sealer sealer(kek, wal::Scheme::kSecretbox, runtime.NewRandom(), runtime.clock());
  SWARM_RETURN_IF_ERROR(sealer.Seal(record, "", key));
  return record;
}

}  // namespace

Result<LogKeys> ReadLogKeys(const pki::KeyFile& file, std::string_view kek) {
  LogKeys keys;
  SWARM_ASSIGN_OR_RETURN(keys.current, Open(file, pki::kRaftDekHeader, kek));
  SWARM_ASSIGN_OR_RETURN(keys.pending, Open(file, pki::kRaftDekPendingHeader, kek));
  if (keys.current.empty() && !keys.pending.empty()) return Garbled(pki::kRaftDekPendingHeader);
  keys.rotation_wanted = file.headers.contains(std::string(pki::kRaftDekNeedsRotationHeader));
  return keys;
}

std::string NewLogKey(Random& random) {
  std::string key(kKeySize, '\0');
  random.Fill(std::as_writable_bytes(std::span(key)));
  return key;
}

Status PutLogKeys(pki::KeyFile& file, const LogKeys& keys, std::string_view kek, Runtime& runtime) {
  const auto put = [&](std::string_view header, const std::string& key) -> Status {
    if (key.empty()) {
      file.headers.erase(std::string(header));
      return {};
    }
    SWARM_ASSIGN_OR_RETURN(const std::string record, Seal(key, kek, runtime));
    file.headers[std::string(header)] = pki::EncodeBase64(record);
    return {};
  };
  const std::string rotation(pki::kRaftDekNeedsRotationHeader);
  if (keys.rotation_wanted) {
    file.headers[rotation] = "true";
  } else {
    file.headers.erase(rotation);
  }
  SWARM_RETURN_IF_ERROR(put(pki::kRaftDekHeader, keys.current));
  return put(pki::kRaftDekPendingHeader, keys.pending);
}

}  // namespace swarm::ca
