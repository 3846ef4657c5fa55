// Finds plugins, reads their descriptors as data, and refuses what does not fit, with a sentence
// that names the file and the values.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "swarm/export.h"
#include "swarm/plugin.h"
#include "swarm/status.h"

namespace swarm::host {

struct KnownPlugin {
  const PluginDescriptor* descriptor;
  std::string file;  // empty: linked into the program
};

// A plugin file that was looked at; either `descriptor` or `refusal` says what came of it.
struct FoundFile {
  std::string file;
  const PluginDescriptor* descriptor = nullptr;
  Status refusal;
};

// Threading: one user at a time. Plugin files stay mapped until the process exits, also when the
// registry is gone.
class SWARM_EXPORT PluginRegistry {
 public:
  PluginRegistry();
  ~PluginRegistry();
  PluginRegistry(const PluginRegistry&) = delete;
  PluginRegistry& operator=(const PluginRegistry&) = delete;

  // A plugin linked into the program. Refused as a file would be: ABI, fingerprint, name taken.
  Status Add(const PluginDescriptor& descriptor);

  // The plugin called `name`: a known one, else from libswarm_<id>.so in the first folder of
  // `path` that has it. NotFound names the folders and the nearest plugin in them.
  Result<const PluginDescriptor*> Load(std::string_view name, const std::vector<std::string>& path);

  // Null when no plugin of that name has been added or loaded.
  const PluginDescriptor* Find(std::string_view name) const;
  std::vector<KnownPlugin> known() const;

  // Every plugin file in the folders, loaded; for listings and suggestions. Folders that do not
  // exist count as empty.
  std::vector<FoundFile> LoadAll(const std::vector<std::string>& path);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// "a/b/libswarm_proxy_direct.so" for ("a/b", "proxy-direct").
SWARM_EXPORT std::string PluginFile(std::string_view folder, std::string_view name);

}  // namespace swarm::host
