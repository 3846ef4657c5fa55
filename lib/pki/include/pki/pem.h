// PEM text with headers, which OpenSSL's own readers refuse when they are not RFC 1423's.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "swarm/status.h"

namespace swarm::pki {

struct PemBlock {
  std::string type;                            // "CERTIFICATE"
  std::map<std::string, std::string> headers;  // "kek-version" and so on
  std::string bytes;                           // DER
};

// "Proc-Type" first, the other headers sorted; lines of 64 characters.
std::string EncodePem(const PemBlock& block);

// The blocks found, in order; text around them is skipped. A block that is cut short or garbled
// is skipped too, as Go does.
struct PemText {
  std::vector<PemBlock> blocks;
  bool garbage_after = false;  // something other than white space follows the last block
};
PemText DecodePem(std::string_view text);

// Standard alphabet, padded. Decoding skips line ends and refuses all else (InvalidArgument).
std::string EncodeBase64(std::string_view bytes);
Result<std::string> DecodeBase64(std::string_view text);

}  // namespace swarm::pki
