// The keys of the consensus log, kept in the headers of the node's key file.
#pragma once

#include <string>
#include <string_view>

#include "pki/key_file.h"
#include "swarm/ca.h"
#include "swarm/runtime.h"
#include "swarm/status.h"

namespace swarm::ca {

// Absent keys are empty. Unauthenticated when they do not open with `kek`, which authenticates the
// unlock key better than the key file's own encryption does; DataLoss when they are garbled.
Result<LogKeys> ReadLogKeys(const pki::KeyFile& file, std::string_view kek);

// A new key of the log.
std::string NewLogKey(Random& random);

// Puts the keys into the headers, sealed with `kek` unless that is empty.
Status PutLogKeys(pki::KeyFile& file, const LogKeys& keys, std::string_view kek, Runtime& runtime);

}  // namespace swarm::ca
