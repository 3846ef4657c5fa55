#include "runtime/linux_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

namespace swarm::runtime {

namespace {

Code CodeOf(int error) {
  switch (error) {
    case ENOENT:
      return Code::kNotFound;
    case EEXIST:
      return Code::kAlreadyExists;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return Code::kResourceExhausted;
    case EACCES:
    case EPERM:
    case EROFS:
      return Code::kPermissionDenied;
    case EISDIR:
    case ENOTDIR:
    case ENOTEMPTY:
    case EBUSY:
      return Code::kFailedPrecondition;
    case EINVAL:
    case ENAMETOOLONG:
    case ELOOP:
    case EXDEV:
      return Code::kInvalidArgument;
    case EIO:
    case ENXIO:
    case ENODEV:
      return Code::kDataLoss;
    default:
      return Code::kUnknown;
  }
}

Status Error(int error, std::string_view what, std::string_view path) {
  return {CodeOf(error), std::string(what) + " " + std::string(path) + ": " +
                             std::generic_category().message(error)};
}

// A descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }

 private:
  int fd_;
};

class LinuxFile final : public File {
 public:
  LinuxFile(Descriptor fd, std::string path, bool writable)
      : fd_(std::move(fd)), path_(std::move(path)), writable_(writable) {}

  Status Write(std::uint64_t offset, std::string_view data) noexcept override {
    SWARM_RETURN_IF_ERROR(Writable("write"));
    while (!data.empty()) {
      const ssize_t done = pwrite(fd_.get(), data.data(), data.size(), static_cast<off_t>(offset));
      if (done < 0 && errno == EINTR) continue;
      if (done < 0) return Error(errno, "write", path_);
      data.remove_prefix(static_cast<std::size_t>(done));
      offset += static_cast<std::uint64_t>(done);
    }
    return {};
  }
  Result<std::string> Read(std::uint64_t offset, std::size_t size) noexcept override {
    // A caller may ask for far more than there is.
    SWARM_ASSIGN_OR_RETURN(const std::uint64_t end, Size());
    constexpr std::size_t kAtLeast = 4096;  // some files tell no size
    const std::size_t rest = end > offset ? end - offset : 0;
    std::string out(std::min(size, std::max(rest, kAtLeast)), '\0');
    std::size_t done = 0;
    while (done < out.size()) {
      const ssize_t got =
          pread(fd_.get(), out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return Error(errno, "read", path_);
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    out.resize(done);
    return out;
  }
  Result<std::uint64_t> Size() noexcept override {
    struct stat info {};
    if (fstat(fd_.get(), &info) != 0) return Error(errno, "stat", path_);
    return static_cast<std::uint64_t>(info.st_size);
  }
  Status Truncate(std::uint64_t size) noexcept override {
    SWARM_RETURN_IF_ERROR(Writable("truncate"));
    while (ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) {
      if (errno != EINTR) return Error(errno, "truncate", path_);
    }
    return {};
  }
  Status Allocate(std::uint64_t size) noexcept override {
    SWARM_RETURN_IF_ERROR(Writable("allocate"));
    if (size == 0) return {};
    while (fallocate(fd_.get(), 0, 0, static_cast<off_t>(size)) != 0) {
      if (errno == EINTR) continue;
      if (errno != EOPNOTSUPP) return Error(errno, "allocate", path_);
      SWARM_ASSIGN_OR_RETURN(const std::uint64_t now, Size());
      return now < size ? Truncate(size) : Status();
    }
    return {};
  }
  Status Sync() noexcept override {
    while (fdatasync(fd_.get()) != 0) {
      if (errno != EINTR) return Error(errno, "sync", path_);
    }
    return {};
  }

 private:
  Status Writable(std::string_view what) const {
    if (writable_) return {};
    return {Code::kPermissionDenied,
            std::string(what) + " " + path_ + ": the file is open for reading only"};
  }

  const Descriptor fd_;
  const std::string path_;
  const bool writable_;
};

Result<Descriptor> OpenDescriptor(const std::string& path, const OpenOptions& options) {
  const int access = options.mode == OpenMode::kRead ? O_RDONLY : O_RDWR;
  const bool may_create =
      options.mode == OpenMode::kCreate || options.mode == OpenMode::kCreateExclusive;
  for (;;) {
    if (may_create) {
      Descriptor fd(open(path.c_str(), access | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
      if (fd.ok()) {
        if (fchmod(fd.get(), options.permissions) != 0) return Error(errno, "chmod", path);
        return fd;
      }
      if (errno == EINTR) continue;
      if (errno != EEXIST || options.mode == OpenMode::kCreateExclusive) {
        return Error(errno, "open", path);
      }
    }
    Descriptor fd(open(path.c_str(), access | O_CLOEXEC));
    if (fd.ok()) return fd;
    // Removed in between: make it after all.
    if (errno == EINTR || (errno == ENOENT && may_create)) continue;
    return Error(errno, "open", path);
  }
}

class LinuxFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> Open(std::string_view path, OpenOptions options) noexcept override {
    std::string name(path);
    const bool writable = options.mode != OpenMode::kRead;
    if (options.lock && !writable) {
      return Status(Code::kInvalidArgument, "open " + name + ": a lock needs a file to write to");
    }
    SWARM_ASSIGN_OR_RETURN(Descriptor fd, OpenDescriptor(name, options));
    struct stat info {};
    if (fstat(fd.get(), &info) != 0) return Error(errno, "stat", path);
    if (S_ISDIR(info.st_mode)) return Error(EISDIR, "open", path);
    if (options.lock) {
      struct flock lock {};
      lock.l_type = F_WRLCK;
      lock.l_whence = SEEK_SET;
      if (fcntl(fd.get(), F_OFD_SETLK, &lock) != 0) {
        if (errno != EAGAIN && errno != EACCES) return Error(errno, "lock", path);
        return Status(Code::kFailedPrecondition, "lock " + name + ": locked by another process");
      }
    }
    return std::unique_ptr<File>(
        std::make_unique<LinuxFile>(std::move(fd), std::move(name), writable));
  }

  Status Rename(std::string_view from, std::string_view to) noexcept override {
    if (rename(std::string(from).c_str(), std::string(to).c_str()) == 0) return {};
    return Error(errno, "rename", from).WithContext("to " + std::string(to));
  }
  Status Remove(std::string_view path) noexcept override {
    if (unlink(std::string(path).c_str()) == 0 || errno == ENOENT) return {};
    return Error(errno, "remove", path);
  }
  Status RemoveAll(std::string_view path) noexcept override {
    std::error_code error;
    std::filesystem::remove_all(std::filesystem::path(path), error);
    return error ? Error(error.value(), "remove", path) : Status();
  }

  Status CreateDirectory(std::string_view path, unsigned permissions) noexcept override {
    for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
      const std::string part(path.substr(0, end));
      if (mkdir(part.c_str(), 0700) == 0) {
        if (chmod(part.c_str(), permissions) != 0) return Error(errno, "chmod", part);
      } else if (const int error = errno; error != EEXIST || !IsDirectory(part)) {
        return Error(error, "create", part);
      }
      if (end == std::string_view::npos || end + 1 == path.size()) return {};
    }
  }
  Result<std::vector<std::string>> List(std::string_view path) noexcept override {
    std::error_code error;
    std::vector<std::string> names;
    std::filesystem::directory_iterator entry(std::filesystem::path(path), error);
    for (const std::filesystem::directory_iterator end; !error && entry != end;
         entry.increment(error)) {
      names.push_back(entry->path().filename().string());
    }
    if (error) return Error(error.value(), "list", path);
    std::sort(names.begin(), names.end());
    return names;
  }
  bool Exists(std::string_view path) noexcept override {
    struct stat info {};
    return stat(std::string(path).c_str(), &info) == 0;
  }
  Status SyncDirectory(std::string_view path) noexcept override {
    const Descriptor fd(open(std::string(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd.ok() || fsync(fd.get()) != 0) return Error(errno, "sync", path);
    return {};
  }

 private:
  static bool IsDirectory(const std::string& path) {
    struct stat info {};
    return stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
  }
};

}  // namespace

std::unique_ptr<FileSystem> MakeLinuxFileSystem() { return std::make_unique<LinuxFileSystem>(); }

}  // namespace swarm::runtime
