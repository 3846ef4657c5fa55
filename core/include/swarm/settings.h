// A plugin's settings: their schema as data, and the checked values.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "swarm/export.h"
#include "swarm/runtime.h"

namespace swarm {

enum class SettingType : std::uint8_t {
  kBool,
  kInteger,   // with bounds
  kDuration,  // "250ms", "5s", "2h"; bounds in nanoseconds
  kBytes,     // "64MiB", "1.5GiB", or a number of bytes; bounds in bytes
  kString,
  kChoice,  // one of `choices`
  kStringList,
  kStringMap,
};

// One key of a plugin's section. `swarmd config default` prints it, the loader checks with it.
struct SettingDescriptor {
  const char* key;
  SettingType type;
  const char* default_value;  // as written in YAML; null: required
  const char* help;           // a sentence; says unit, bounds, meaning of zero
  std::int64_t minimum = 0;   // minimum == maximum: unbounded
  std::int64_t maximum = 0;
  const char* choices = "";  // comma separated
  bool secret = false;       // never shown or logged
  bool live = false;         // may change without a restart
};

// Values by key; every key of the schema is present. Asking for an unknown key or with the wrong
// type is a bug in the plugin and aborts.
class SWARM_EXPORT Settings {
 public:
  using Value = std::variant<bool, std::int64_t, Duration, std::string, std::vector<std::string>,
                             std::map<std::string, std::string>>;
  Settings() = default;
  explicit Settings(std::map<std::string, Value, std::less<>> values);

  bool GetBool(std::string_view key) const;
  std::int64_t GetInteger(std::string_view key) const;  // kInteger and kBytes
  Duration GetDuration(std::string_view key) const;
  const std::string& GetString(std::string_view key) const;  // kString and kChoice
  const std::vector<std::string>& GetStringList(std::string_view key) const;
  const std::map<std::string, std::string>& GetStringMap(std::string_view key) const;

 private:
  const Value& Get(std::string_view key) const;
  std::map<std::string, Value, std::less<>> values_;
};

// The node a manager- or leader-scope instance works for.
struct NodeInfo {
  std::string node_id;
  std::string cluster_id;
  std::string hostname;
  std::string state_dir;
  std::string advertise_address;  // "host:port" told to others; empty: not known
  std::string root_certificate_pem;
  // Only where the cluster has just been made, else empty.
  std::string root_key_pem;
  // Encrypts the consensus log; 32 bytes.
  std::string log_key;
  std::string log_key_pending;
  // How a new cluster begins; from the command line and the YAML file.
  bool auto_lock = false;
  bool force_new_cluster = false;
  std::vector<std::string> external_cas;  // "protocol=cfssl,url=https://..."
  // A manager of the cluster that this node became part of, "host:port", through which consensus
  // becomes a member of its group; empty: it begins a group of its own, or goes on with its log.
  std::string join_address;
  // The operator has named that address for this start: join anew, whatever log there is.
  bool force_join = false;
};

}  // namespace swarm
