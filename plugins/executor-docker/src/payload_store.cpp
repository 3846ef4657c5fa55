// Payload files in a folder of this machine that is in memory.
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "payload.h"

namespace swarm::executor_docker {
namespace {

namespace fs = std::filesystem;

Status SystemError(const std::string& what) {
  return {Code::kFailedPrecondition, what + ": " + std::strerror(errno)};
}

bool InMemory(const std::string& folder) {
  struct statfs found {};
  return statfs(folder.c_str(), &found) == 0 &&
         (found.f_type == TMPFS_MAGIC || found.f_type == RAMFS_MAGIC);
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  const int fd_;
};

Status WriteFile(const std::string& path, const PayloadFile& file) {
  unlink(path.c_str());
  const Descriptor out(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (out.get() < 0) return SystemError("cannot make " + path);
  std::string_view rest = file.data;
  while (!rest.empty()) {
    const ssize_t count = write(out.get(), rest.data(), rest.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return SystemError("cannot write " + path);
    rest.remove_prefix(static_cast<std::size_t>(count));
  }
  if ((file.uid != geteuid() || file.gid != getegid()) &&
      fchown(out.get(), file.uid, file.gid) != 0) {
    return SystemError("cannot give " + file.target + " to its owner " + std::to_string(file.uid) +
                       ":" + std::to_string(file.gid));
  }
  if (fchmod(out.get(), file.mode) != 0) return SystemError("cannot set the mode of " + path);
  return {};
}

class LinuxPayloadStore final : public PayloadStore {
 public:
  explicit LinuxPayloadStore(std::string folder) : folder_(std::move(folder)) {}

  Result<std::vector<BoundFile>> Put(const pb::Task& task,
                                     const std::vector<PayloadFile>& files) noexcept override {
    const std::string root = RootOf(task.node_id());
    SWARM_RETURN_IF_ERROR(Prepare(root));
    const std::string folder = root + "/" + task.id();
    if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
      return SystemError("cannot make " + folder);
    }
    std::vector<BoundFile> out;
    for (const PayloadFile& file : files) {
      const std::string path = folder + "/" + std::to_string(out.size());
      SWARM_RETURN_IF_ERROR(WriteFile(path, file));
      out.push_back({path, file.target});
    }
    return out;
  }

  void Remove(const pb::Task& task) noexcept override {
    const std::string root = RootOf(task.node_id());
    std::error_code ignored;
    if (task.id().empty() || !fs::exists(root, ignored)) return;
    fs::remove_all(root + "/" + task.id(), ignored);
    LetGo(root);
  }

  void Retain(const std::string& node_id, const std::set<std::string>& tasks) noexcept override {
    const std::string root = RootOf(node_id);
    std::error_code error;
    std::vector<fs::path> gone;
    for (fs::directory_iterator entry(root, error), end; !error && entry != end;
         entry.increment(error)) {
      if (!tasks.contains(entry->path().filename().string())) gone.push_back(entry->path());
    }
    for (const fs::path& path : gone) fs::remove_all(path, error);
    if (!gone.empty()) LetGo(root);
  }

 private:
  std::string RootOf(const std::string& node_id) const {
    return folder_ + "/" + (node_id.empty() ? "node" : node_id);
  }

  static Status Prepare(const std::string& root) {
    std::error_code error;
    fs::create_directories(root, error);
    if (error) return {Code::kFailedPrecondition, "cannot make " + root + ": " + error.message()};
    chmod(root.c_str(), 0700);
    if (InMemory(root)) return {};
    if (mount("tmpfs", root.c_str(), "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") == 0) {
      return {};
    }
    return SystemError(
        "secrets and configs are kept in memory only, and no tmpfs can be mounted "
        "at " +
        root + "; set payload_dir to a folder on a tmpfs");
  }

  // When nothing is in it any more.
  static void LetGo(const std::string& root) {
    std::error_code error;
    if (!fs::is_empty(root, error) || error) return;
    umount(root.c_str());
    rmdir(root.c_str());
  }

  const std::string folder_;
};

}  // namespace

std::unique_ptr<PayloadStore> MakePayloadStore(std::string folder) {
  return std::make_unique<LinuxPayloadStore>(std::move(folder));
}

}  // namespace swarm::executor_docker
