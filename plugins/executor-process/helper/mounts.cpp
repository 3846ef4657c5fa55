#include "mounts.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>
#include <vector>

#include "system.h"

namespace swarm::executor_process {
namespace {

constexpr std::string_view kSecretsFolder = "/run/secrets";

// One thing to be put at a path.
struct Place {
  std::string target;
  const PlanMount* mount = nullptr;  // null: a file
  Descriptor tree;                   // the source, detached; of bind mounts and files
  bool folder = true;
};

bool Below(const std::string& path, std::string_view folder) {
  return path.starts_with(folder) &&
         (path.size() == folder.size() || path[folder.size()] == '/' || folder == "/");
}

int MountSetattr(int folder, const char* path, unsigned flags, const mount_attr& attributes) {
  return static_cast<int>(
      syscall(SYS_mount_setattr, folder, path, flags, &attributes, sizeof attributes));
}

Descriptor CloneTree(const std::string& path, bool recursive) {
  const unsigned flags =
      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? static_cast<unsigned>(AT_RECURSIVE) : 0U);
  return Descriptor(static_cast<int>(syscall(SYS_open_tree, AT_FDCWD, path.c_str(), flags)));
}

bool IsFolder(const Descriptor& tree) {
  struct stat info {};
  return fstat(tree.get(), &info) == 0 && S_ISDIR(info.st_mode);
}

std::string OpenSource(const PlanMount& mount, uid_t user, gid_t group, Place* place) {
  if (mount.kind == PlanMount::Kind::kTmpfs) return {};
  const bool make = mount.kind == PlanMount::Kind::kVolume || mount.create_source;
  struct stat info {};
  if (make && stat(mount.source.c_str(), &info) != 0) {
    if (!MakeFolders(mount.source, 0755)) return WithErrno("cannot make " + mount.source);
    if (mount.kind == PlanMount::Kind::kVolume && geteuid() == 0 &&
        chown(mount.source.c_str(), user, group) != 0) {
      return WithErrno("cannot give " + mount.source + " to its user");
    }
  }
  place->tree = CloneTree(mount.source, mount.recursive);
  if (!place->tree) {
    if (errno == ENOENT) return "invalid bind mount source, source path not found: " + mount.source;
    return WithErrno("cannot bind " + mount.source);
  }
  place->folder = IsFolder(place->tree);
  return {};
}

// Mount points are made where they are missing, and stay.
std::string MakeTarget(const Place& place) {
  struct stat info {};
  if (stat(place.target.c_str(), &info) == 0) {
    if (S_ISDIR(info.st_mode) == place.folder) return {};
    return "cannot mount on " + place.target + ": it is " +
           (place.folder ? "not a folder" : "a folder");
  }
  if (place.folder) {
    return MakeFolders(place.target, 0755) ? "" : WithErrno("cannot make " + place.target);
  }
  if (!MakeFolders(FolderOf(place.target), 0755)) {
    return WithErrno("cannot make " + FolderOf(place.target));
  }
  const Descriptor file(open(place.target.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0444));
  return file ? "" : WithErrno("cannot make " + place.target);
}

std::string Attach(Place& place) {
  const std::string failure = "cannot mount on " + place.target;
  if (place.mount && place.mount->kind == PlanMount::Kind::kTmpfs) {
    unsigned long flags = MS_NOSUID | MS_NODEV;
    if (!place.mount->executable) flags |= MS_NOEXEC;
    if (place.mount->read_only) flags |= MS_RDONLY;
    const char* path = place.target.c_str();
    if (mount("tmpfs", path, "tmpfs", flags, place.mount->options.c_str()) != 0) {
      return WithErrno(failure);
    }
    return {};
  }
  mount_attr attributes{};
  unsigned recursive = AT_RECURSIVE;
  if (place.mount) {
    static constexpr std::uint64_t kPropagations[] = {MS_PRIVATE, MS_SLAVE, MS_SHARED};
    attributes.propagation = kPropagations[static_cast<std::size_t>(place.mount->propagation)];
    if (!place.mount->propagation_recursive) recursive = 0;
  } else {
    attributes.propagation = MS_PRIVATE;
  }
  const auto change = [&](unsigned depth) {
    return MountSetattr(place.tree.get(), "", AT_EMPTY_PATH | depth, attributes) == 0;
  };
  if (!change(recursive)) return WithErrno(failure);
  if (!place.mount || place.mount->read_only) {
    attributes = {};
    attributes.attr_set = MOUNT_ATTR_RDONLY;
    const bool all = !place.mount || place.mount->read_only_recursive;
    if (!change(all ? static_cast<unsigned>(AT_RECURSIVE) : 0U)) return WithErrno(failure);
  }
  if (syscall(SYS_move_mount, place.tree.get(), "", AT_FDCWD, place.target.c_str(),
              MOVE_MOUNT_F_EMPTY_PATH) != 0) {
    return WithErrno(failure);
  }
  return {};
}

// "\040" and so on, as the kernel writes special characters.
std::string Unescape(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      out += static_cast<char>(std::strtol(text.substr(i + 1, 3).c_str(), nullptr, 8));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::vector<std::string> MountPoints() {
  const Descriptor file(open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC));
  const std::string text = file ? ReadAll(file.get()) : "";
  std::vector<std::string> out;
  for (std::size_t line = 0; line < text.size();) {
    const std::size_t end = std::min(text.find('\n', line), text.size());
    std::size_t at = line;
    for (int field = 0; field < 4 && at < end; ++field) at = text.find(' ', at) + 1;
    out.push_back(Unescape(text.substr(at, text.find(' ', at) - at)));
    line = end + 1;
  }
  return out;
}

// All but the kernel's own file systems, without which little works.
std::string MakeRootReadOnly() {
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY;
  for (const std::string& path : MountPoints()) {
    if (Below(path, "/proc") || Below(path, "/sys") || Below(path, "/dev")) continue;
    if (MountSetattr(AT_FDCWD, path.c_str(), AT_NO_AUTOMOUNT, attributes) == 0) continue;
    // Hidden under another mount.
    if (errno == ENOENT || errno == EINVAL || errno == ENOTDIR) continue;
    return WithErrno("cannot make " + path + " read-only");
  }
  return {};
}

std::string WriteSecret(const PlanFile& file, const std::string& path) {
  if (!MakeFolders(FolderOf(path), 0755)) return WithErrno("cannot make " + FolderOf(path));
  const Descriptor out(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!out || !WriteAll(out.get(), file.data) ||
      fchown(out.get(), static_cast<uid_t>(file.user), static_cast<gid_t>(file.group)) != 0 ||
      fchmod(out.get(), static_cast<mode_t>(file.mode)) != 0) {
    return WithErrno("cannot write " + file.target);
  }
  return {};
}

constexpr unsigned long kSecretFlags = MS_NOSUID | MS_NODEV | MS_NOEXEC;

std::string MountMemory(const std::string& path) {
  if (!MakeFolders(path, 0755)) return WithErrno("cannot make " + path);
  if (mount("tmpfs", path.c_str(), "tmpfs", kSecretFlags, "mode=0755") != 0) {
    return WithErrno("cannot mount memory on " + path);
  }
  return {};
}

std::string Seal(const std::string& path) {
  if (mount("", path.c_str(), "", MS_REMOUNT | MS_BIND | MS_RDONLY | kSecretFlags, "") != 0) {
    return WithErrno("cannot make " + path + " read-only");
  }
  return {};
}

// Files with a place of their own: written to memory that only this namespace has, then bound.
std::string OpenFiles(const Plan& plan, const std::string& memory, std::vector<Place>* places) {
  std::vector<const PlanFile*> files;
  for (const PlanFile& file : plan.files) {
    if (!Below(file.target, kSecretsFolder)) files.push_back(&file);
  }
  if (files.empty()) return {};
  if (std::string why = MountMemory(memory); !why.empty()) return why;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const std::string path = memory + "/" + std::to_string(i);
    if (std::string why = WriteSecret(*files[i], path); !why.empty()) return why;
    Place place{files[i]->target, nullptr, CloneTree(path, false), false};
    if (!place.tree) return WithErrno("cannot bind " + path);
    places->push_back(std::move(place));
  }
  return Seal(memory);
}

std::string MountSecrets(const Plan& plan) {
  const std::string folder(kSecretsFolder);
  bool any = false;
  for (const PlanFile& file : plan.files) {
    if (!Below(file.target, kSecretsFolder)) continue;
    if (!std::exchange(any, true)) {
      if (std::string why = MountMemory(folder); !why.empty()) return why;
    }
    if (std::string why = WriteSecret(file, file.target); !why.empty()) return why;
  }
  return any ? Seal(folder) : "";
}

// Whether another place will cover the target before it is used.
bool Nested(const Place& place, const std::vector<Place>& places) {
  return std::any_of(places.begin(), places.end(), [&](const Place& other) {
    return &other != &place && other.target != place.target && Below(place.target, other.target);
  });
}

}  // namespace

std::string MakeMounts(const Plan& plan, const std::string& task_folder, uid_t user, gid_t group) {
  if (unshare(CLONE_NEWNS) != 0) return WithErrno("cannot have mounts of its own");
  std::vector<Place> places;
  for (const PlanMount& mount : plan.mounts) {
    Place place{mount.target, &mount, Descriptor(), true};
    if (std::string why = OpenSource(mount, user, group, &place); !why.empty()) return why;
    places.push_back(std::move(place));
  }
  // What the machine mounts later shows here too; nothing goes the other way.
  if (mount("", "/", "", MS_SLAVE | MS_REC, "") != 0) return WithErrno("cannot part the mounts");
  if (std::string why = OpenFiles(plan, task_folder + "/files", &places); !why.empty()) return why;
  std::stable_sort(places.begin(), places.end(), [](const Place& a, const Place& b) {
    return std::count(a.target.begin(), a.target.end(), '/') <
           std::count(b.target.begin(), b.target.end(), '/');
  });
  for (const Place& place : places) {
    if (Nested(place, places)) continue;
    if (std::string why = MakeTarget(place); !why.empty()) return why;
  }
  if (std::string why = MountSecrets(plan); !why.empty()) return why;
  if (plan.read_only) {
    if (std::string why = MakeRootReadOnly(); !why.empty()) return why;
  }
  for (Place& place : places) {
    if (std::string why = MakeTarget(place); !why.empty()) return why;
    if (std::string why = Attach(place); !why.empty()) return why;
  }
  return {};
}

}  // namespace swarm::executor_process
