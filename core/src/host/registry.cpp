#include "host/registry.h"

#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/dll/shared_library.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "host/descriptor.h"
#include "host/elf.h"
#include "host/nearest.h"

namespace swarm::host {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "libswarm_";
constexpr std::string_view kSuffix = ".so";
constexpr std::string_view kSymbolPrefix = "swarm_plugin_";

Status Refused(std::string text) { return {Code::kFailedPrecondition, std::move(text)}; }

// Code of whoever can write the file would run with this program's rights.
Status CheckWriters(const std::string& path, std::string_view what) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0)
    return Refused("cannot examine its " + std::string(what) + " " + path);
  std::string who;
  if (info.st_uid != 0 && info.st_uid != ::geteuid()) {
    who = "its owner, user " + std::to_string(info.st_uid);
  } else if ((info.st_mode & S_IWOTH) != 0) {
    who = "everybody";
  } else if ((info.st_mode & S_IWGRP) != 0) {
    who = "group " + std::to_string(info.st_gid);
  } else {
    return Status::Ok();
  }
  char mode[8];
  std::snprintf(mode, sizeof mode, "%04o", static_cast<unsigned>(info.st_mode & 07777));
  return Refused("its " + std::string(what) + " " + path + " can be written by " + who + " (mode " +
                 mode + "); only root and the user running this program may");
}

Result<std::string> ReadImage(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return Refused("it cannot be read");
  return std::string(std::istreambuf_iterator<char>(in), {});
}

std::string Listed(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) {
    if (!out.empty()) out += ", ";
    out += name;
  }
  return out;
}

Status CheckExports(const std::string& file, const std::string& wanted) {
  SWARM_ASSIGN_OR_RETURN(const std::string image, ReadImage(file));
  SWARM_ASSIGN_OR_RETURN(const std::vector<std::string> symbols, ExportedSymbols(image));
  if (symbols == std::vector<std::string>{wanted}) return Status::Ok();
  const bool found = std::find(symbols.begin(), symbols.end(), wanted) != symbols.end();
  if (found) {
    return Refused("it exports " + std::to_string(symbols.size()) + " symbols (" + Listed(symbols) +
                   "); a plugin exports " + wanted + " alone");
  }
  for (const std::string& symbol : symbols) {
    if (!symbol.starts_with(kSymbolPrefix)) continue;
    return Refused("its name asks for the symbol " + wanted + ", but it exports " + symbol);
  }
  return Refused("it exports no symbol " + wanted + "; it is not a plugin");
}

Result<const PluginDescriptor*> MapDescriptor(const std::string& file, const std::string& symbol) {
  try {
    using boost::dll::load_mode::rtld_now;
    boost::dll::shared_library library(file, rtld_now);  // local is the default
    const PluginDescriptor& descriptor = library.get<const PluginDescriptor>(symbol);
    // Mapped until the process exits, whatever was said when it was linked.
    ::dlopen(file.c_str(), RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
    return &descriptor;
  } catch (const std::exception& error) {
    return Refused(std::string("it cannot be loaded: ") + error.what());
  }
}

Result<const PluginDescriptor*> Open(const std::string& file, std::string_view id) {
  const std::string symbol = std::string(kSymbolPrefix) + std::string(id);
  std::error_code error;
  const fs::path real = fs::canonical(file, error);
  if (error) return Refused("it cannot be read: " + error.message());
  SWARM_RETURN_IF_ERROR(CheckWriters(real.parent_path(), "folder"));
  SWARM_RETURN_IF_ERROR(CheckWriters(real, "file"));
  SWARM_RETURN_IF_ERROR(CheckExports(real, symbol));
  SWARM_ASSIGN_OR_RETURN(const PluginDescriptor* descriptor, MapDescriptor(real, symbol));
  SWARM_RETURN_IF_ERROR(CheckDescriptor(*descriptor));
  if (PluginId(descriptor->name) != id) {
    return Refused("its file is called " + fs::path(file).filename().string() +
                   ", but its descriptor names it " + descriptor->name);
  }
  return descriptor;
}

// The ids of the plugin files in a folder, sorted.
std::vector<std::string> IdsIn(const std::string& folder) {
  std::vector<std::string> ids;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (name.size() <= kPrefix.size() + kSuffix.size()) continue;
    if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) continue;
    ids.push_back(name.substr(kPrefix.size(), name.size() - kPrefix.size() - kSuffix.size()));
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

Status NotFound(std::string_view name, const std::vector<std::string>& path) {
  if (path.empty()) {
    return {Code::kNotFound, "no plugin " + std::string(name) + ": plugins.path names no folder"};
  }
  std::vector<std::string> names;
  for (const std::string& folder : path) {
    for (std::string id : IdsIn(folder)) {
      std::replace(id.begin(), id.end(), '_', '-');
      names.push_back(std::move(id));
    }
  }
  const std::string near = Nearest(name, names);
  return {Code::kNotFound, "no plugin " + std::string(name) + ": no file libswarm_" +
                               PluginId(name) + ".so in " + Listed(path) +
                               (near.empty() ? "" : "; did you mean " + near + "?")};
}

}  // namespace

struct PluginRegistry::Impl {
  std::vector<KnownPlugin> known;
};

PluginRegistry::PluginRegistry() : impl_(std::make_unique<Impl>()) {}
PluginRegistry::~PluginRegistry() = default;

Status PluginRegistry::Add(const PluginDescriptor& descriptor) {
  if (const Status status = CheckDescriptor(descriptor); !status.ok())
    return status.WithContext("plugin linked into the program");
  if (Find(descriptor.name) != nullptr) {
    return {Code::kAlreadyExists,
            "plugin " + std::string(descriptor.name) + " is there already; a name is used once"};
  }
  impl_->known.push_back({&descriptor, ""});
  return Status::Ok();
}

Result<const PluginDescriptor*> PluginRegistry::Load(std::string_view name,
                                                     const std::vector<std::string>& path) {
  if (const PluginDescriptor* known = Find(name)) return known;
  if (!IsPluginName(name)) {
    return Status(Code::kInvalidArgument,
                  "\"" + std::string(name) +
                      "\" is not the name of a plugin: lower-case letters, digits and '-'");
  }
  for (const std::string& folder : path) {
    const std::string file = PluginFile(folder, name);
    std::error_code error;
    if (!fs::exists(fs::symlink_status(file, error))) continue;
    const Result<const PluginDescriptor*> opened = Open(file, PluginId(name));
    if (!opened.ok()) return opened.status().WithContext("plugin file " + file + " refused");
    if ((*opened)->name != name) {
      return Refused("plugin file " + file + " refused: its descriptor names it " +
                     (*opened)->name + ", the configuration " + std::string(name));
    }
    impl_->known.push_back({*opened, file});
    return *opened;
  }
  return NotFound(name, path);
}

const PluginDescriptor* PluginRegistry::Find(std::string_view name) const {
  for (const KnownPlugin& plugin : impl_->known) {
    if (plugin.descriptor->name == name) return plugin.descriptor;
  }
  return nullptr;
}

std::vector<KnownPlugin> PluginRegistry::known() const { return impl_->known; }

std::vector<FoundFile> PluginRegistry::LoadAll(const std::vector<std::string>& path) {
  std::vector<FoundFile> out;
  std::set<std::string> seen;
  for (const std::string& folder : path) {
    for (const std::string& id : IdsIn(folder)) {
      if (!seen.insert(id).second) continue;  // an earlier folder's comes first
      const std::string file = PluginFile(folder, id);
      const Result<const PluginDescriptor*> opened = Open(file, id);
      if (!opened.ok()) {
        out.push_back(
            {file, nullptr, opened.status().WithContext("plugin file " + file + " refused")});
        continue;
      }
      if (Find((*opened)->name) == nullptr) impl_->known.push_back({*opened, file});
      out.push_back({file, *opened, Status::Ok()});
    }
  }
  return out;
}

std::string PluginFile(std::string_view folder, std::string_view name) {
  return std::string(folder) + "/" + std::string(kPrefix) + PluginId(name) + std::string(kSuffix);
}

}  // namespace swarm::host
