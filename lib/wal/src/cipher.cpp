#include "wal/cipher.h"

#include <sodium.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "swarmkit/v1/types.pb.h"
#include "wal/wire.h"

namespace swarm::wal {
namespace {

using Record = docker::swarmkit::v1::MaybeEncryptedRecord;

constexpr std::size_t kTagSize = crypto_secretbox_MACBYTES;
static_assert(crypto_secretbox_NONCEBYTES == 24 && crypto_secretbox_KEYBYTES == 32);

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::optional<std::string> OpenSecretbox(const Key& key, std::string_view box,
                                         std::string_view nonce) {
  std::string text(box.size() - kTagSize, '\0');
  if (crypto_secretbox_open_easy(reinterpret_cast<unsigned char*>(text.data()), Bytes(box),
                                 box.size(), Bytes(nonce), key.data()) != 0) {
    return std::nullopt;
  }
  return text;
}

struct Fields {
  std::uint64_t algorithm = 0;
  std::string_view data;
  std::string_view nonce;
};

std::optional<Fields> ParseRecord(std::string_view record) {
  Fields fields;
  FieldReader reader(record);
  while (reader.Next()) {
    if (reader.IsNumber(Record::kAlgorithmFieldNumber)) fields.algorithm = reader.number();
    if (reader.IsBytes(Record::kDataFieldNumber)) fields.data = reader.bytes();
    if (reader.IsBytes(Record::kNonceFieldNumber)) fields.nonce = reader.bytes();
  }
  if (!reader.ok()) return std::nullopt;
  return fields;
}

Status BadRecord(std::string_view why) {
  return Status(Code::kDataLoss, "encrypted record: " + std::string(why));
}

}  // namespace

Key MakeKey(std::string_view text) {
  Key key{};
  std::memcpy(key.data(), text.data(), std::min(text.size(), key.size()));
  return key;
}

Sealer::Sealer(std::string_view key, Scheme scheme, std::unique_ptr<Random> random,
               const Clock& clock)
    : key_(MakeKey(key)), scheme_(scheme), random_(std::move(random)), clock_(clock) {
  SWARM_CHECK(sodium_init() >= 0, "libsodium can always be set up");
}

std::size_t Sealer::SealedSize(std::size_t size) const {
  if (scheme_ == Scheme::kFernet) return 2 + BytesFieldSize(fernet::TokenSize(size));
  return 2 + BytesFieldSize(size + kTagSize) + BytesFieldSize(kNonceSize);
}

Status Sealer::Seal(std::string& out, std::string_view head, std::string_view tail) {
  if (scheme_ == Scheme::kFernet) return SealFernet(out, head, tail);
  SealSecretbox(out, head, tail);
  return Status::Ok();
}

std::string_view Sealer::NextNonce() {
  if (next_nonce_ == kNonceBatch) {
    random_->Fill(nonces_);
    next_nonce_ = 0;
  }
  return {reinterpret_cast<const char*>(nonces_.data()) + kNonceSize * next_nonce_++, kNonceSize};
}

void Sealer::SealSecretbox(std::string& out, std::string_view head, std::string_view tail) {
  const std::string_view nonce = NextNonce();
  PutNumber(out, Record::kAlgorithmFieldNumber, Record::SECRETBOX_SALSA20_POLY1305);
  PutBytesHeader(out, Record::kDataFieldNumber, kTagSize + head.size() + tail.size());
  const std::size_t tag_at = out.size();
  out.append(kTagSize, '\0');
  out.append(head);
  out.append(tail);
  auto* tag = reinterpret_cast<unsigned char*>(out.data() + tag_at);
  auto* text = tag + kTagSize;  // encrypted where it stands
  crypto_secretbox_detached(text, tag, text, head.size() + tail.size(), Bytes(nonce), key_.data());
  PutBytes(out, Record::kNonceFieldNumber, nonce);
}

Status Sealer::SealFernet(std::string& out, std::string_view head, std::string_view tail) {
  std::array<unsigned char, 16> iv;
  random_->Fill(std::as_writable_bytes(std::span(iv)));
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(clock_.Now().time_since_epoch()).count();
  std::string text(head);
  text.append(tail);
  SWARM_ASSIGN_OR_RETURN(std::string token,
                         fernet::Encode(key_, text, static_cast<std::uint64_t>(seconds), iv));
  PutNumber(out, Record::kAlgorithmFieldNumber, Record::FERNET_AES_128_CBC);
  PutBytes(out, Record::kDataFieldNumber, token);
  return Status::Ok();
}

Unsealer::Unsealer(const std::vector<std::string>& keys, bool fips) : fips_(fips) {
  SWARM_CHECK(sodium_init() >= 0, "libsodium can always be set up");
  for (const std::string& key : keys) keys_.push_back(MakeKey(key));
}

Result<std::string> Unsealer::Unseal(std::string_view record) {
  const std::optional<Fields> fields = ParseRecord(record);
  if (!fields) return BadRecord("not a MaybeEncryptedRecord");
  const bool fernet = fields->algorithm == Record::FERNET_AES_128_CBC;
  if (!fernet && fields->algorithm != Record::SECRETBOX_SALSA20_POLY1305) {
    return BadRecord("algorithm " + std::to_string(fields->algorithm) + " where encryption is due");
  }
  if (!fernet && fips_) return BadRecord("secretbox where FIPS mode admits only Fernet");
  if (!fernet && fields->nonce.size() != crypto_secretbox_NONCEBYTES) {
    return BadRecord("nonce of " + std::to_string(fields->nonce.size()) + " bytes");
  }
  if (!fernet && fields->data.size() < kTagSize) return BadRecord("shorter than its tag");
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    std::optional<std::string> text;
    if (!fernet) {
      text = OpenSecretbox(keys_[i], fields->data, fields->nonce);
    } else if (Result<std::string> token = fernet::Decode(keys_[i], fields->data); token.ok()) {
      text = *std::move(token);
    }
    if (!text) continue;
    if (i != 0) std::swap(keys_[0], keys_[i]);
    return *std::move(text);
  }
  return Status(Code::kUnauthenticated,
                "cannot decrypt with any of " + std::to_string(keys_.size()) + " keys");
}

}  // namespace swarm::wal
