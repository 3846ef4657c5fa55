#include "frame.h"

#include <openssl/evp.h>

#include <memory>

#include "lzw.h"
#include "msgpack.h"

namespace swarm::gossip {
namespace {

constexpr char kEncrypted = 10;
constexpr char kCompressed = 9;
constexpr char kUnpadded = 1;  // version of the encryption
constexpr char kPadded = 0;
constexpr std::size_t kKeyBytes = 16;
constexpr std::size_t kTagBytes = 16;
constexpr std::size_t kOverhead = 1 + sizeof(Nonce) + kTagBytes;

using Cipher = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* Bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

Status Malformed(const char* what) { return {Code::kInvalidArgument, what}; }

// Nothing when the tag is wrong.
std::optional<std::string> DecryptWith(std::string_view blob, std::string_view key,
                                       std::string_view authenticated) {
  const std::string_view nonce = blob.substr(1, sizeof(Nonce));
  const std::string_view sealed = blob.substr(1 + sizeof(Nonce));
  const std::string_view cipher_text = sealed.substr(0, sealed.size() - kTagBytes);
  std::string tag(sealed.substr(cipher_text.size()));
  std::string out(cipher_text.size(), '\0');
  const Cipher cipher(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  int length = 0;
  const bool good =
      cipher &&
      EVP_DecryptInit_ex(cipher.get(), EVP_aes_128_gcm(), nullptr, Bytes(key), Bytes(nonce)) &&
      EVP_DecryptUpdate(cipher.get(), nullptr, &length, Bytes(authenticated),
                        static_cast<int>(authenticated.size())) &&
      EVP_DecryptUpdate(cipher.get(), Bytes(out), &length, Bytes(cipher_text),
                        static_cast<int>(cipher_text.size())) &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, tag.data()) &&
      EVP_DecryptFinal_ex(cipher.get(), Bytes(out) + length, &length) > 0;
  if (!good) return std::nullopt;
  return out;
}

Result<std::string> Expanded(std::string message) {
  if (message.empty() || message.front() != kCompressed) return message;
  Unpacker in(std::string_view(message).substr(1));
  std::uint64_t algorithm = 0;
  std::string_view buffer;
  const bool good = in.Struct([&](std::string_view name) {
    if (name == "Algo") return in.Number(&algorithm);
    return name == "Buf" ? in.Raw(&buffer) : in.Skip();
  });
  if (!good || algorithm != 0) return Malformed("compressed in an unknown way");
  auto out = Expand(buffer, kLargestMessage);
  if (!out) return Malformed("compressed data is damaged or too large");
  return *std::move(out);
}

}  // namespace

Result<std::string> Encrypt(std::string_view plain, std::string_view key, const Nonce& nonce,
                            std::string_view authenticated) {
  if (key.size() != kKeyBytes) return Malformed("a gossip key has 16 bytes");
  std::string out(1, kUnpadded);
  out.append(reinterpret_cast<const char*>(nonce.data()), nonce.size());
  const std::size_t begin = out.size();
  out.resize(begin + plain.size() + kTagBytes);
  const Cipher cipher(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  int length = 0;
  const bool good =
      cipher &&
      EVP_EncryptInit_ex(cipher.get(), EVP_aes_128_gcm(), nullptr, Bytes(key), nonce.data()) &&
      EVP_EncryptUpdate(cipher.get(), nullptr, &length, Bytes(authenticated),
                        static_cast<int>(authenticated.size())) &&
      EVP_EncryptUpdate(cipher.get(), Bytes(out) + begin, &length, Bytes(plain),
                        static_cast<int>(plain.size())) &&
      EVP_EncryptFinal_ex(cipher.get(), Bytes(out) + begin + length, &length) &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes,
                          Bytes(out) + begin + plain.size());
  if (!good) return Status(Code::kInternal, "encryption failed");
  return out;
}

Result<std::string> Decrypt(std::string_view blob, const std::vector<std::string>& keys,
                            std::string_view authenticated) {
  if (blob.size() < kOverhead) return Malformed("shorter than any encrypted message");
  const char version = blob.front();
  if (version != kUnpadded && version != kPadded) return Malformed("unknown version of encryption");
  for (const std::string& key : keys) {
    if (key.size() != kKeyBytes) continue;
    auto plain = DecryptWith(blob, key, authenticated);
    if (!plain) continue;
    if (version == kPadded) {
      const std::size_t padding = plain->empty() ? 0 : static_cast<unsigned char>(plain->back());
      if (padding == 0 || padding > plain->size()) return Malformed("wrong padding");
      plain->resize(plain->size() - padding);
    }
    return *std::move(plain);
  }
  return Status(Code::kUnauthenticated, "none of the cluster's gossip keys opens its answer");
}

Result<std::string> Seal(std::string_view plain, std::string_view key, const Nonce& nonce) {
  if (plain.size() > kLargestMessage) return Malformed("the message is too large");
  const std::size_t length = plain.size() + kOverhead;
  std::string header(1, kEncrypted);
  for (int shift = 24; shift >= 0; shift -= 8) {
    header.push_back(static_cast<char>(length >> shift));
  }
  SWARM_ASSIGN_OR_RETURN(const std::string blob, Encrypt(plain, key, nonce, header));
  return header + blob;
}

Result<std::optional<std::size_t>> FrameSize(std::string_view begin) {
  if (!begin.empty() && begin.front() != kEncrypted)
    return Malformed("its answer is not encrypted");
  if (begin.size() < kHeaderBytes) return std::optional<std::size_t>();
  std::size_t length = 0;
  for (std::size_t i = 1; i < kHeaderBytes; ++i) {
    length = length << 8 | static_cast<unsigned char>(begin[i]);
  }
  if (length > kLargestMessage + kOverhead) return Malformed("its answer is too large");
  return std::optional<std::size_t>(kHeaderBytes + length);
}

Result<std::string> OpenFrame(std::string_view frame, const std::vector<std::string>& keys) {
  SWARM_ASSIGN_OR_RETURN(const auto size, FrameSize(frame));
  if (!size || *size != frame.size()) return Malformed("its answer is cut short");
  SWARM_ASSIGN_OR_RETURN(std::string plain,
                         Decrypt(frame.substr(kHeaderBytes), keys, frame.substr(0, kHeaderBytes)));
  return Expanded(std::move(plain));
}

}  // namespace swarm::gossip
