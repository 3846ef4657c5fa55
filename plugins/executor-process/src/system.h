// Small wrappers of POSIX that the parts of swarm-task share.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace swarm::executor_process {

// "cannot do: <the text of errno>".
std::string WithErrno(const std::string& what);

// Closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.Release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor() { Reset(); }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int Release();
  void Reset(int fd = -1);

 private:
  int fd_;
};

// All that can be read; what was read before an error.
std::string ReadAll(int fd);
// Everything, or false with errno.
bool WriteAll(int fd, std::string_view data);
// Opens for writing without making the file, and writes in one call.
bool WriteFile(const std::string& path, std::string_view text);
// The file appears whole or not at all; with `durable` it survives a crash of the machine.
bool WriteAtomically(const std::string& path, const std::string& text, bool durable);
// Makes the folder and what is missing above it; existing is fine.
bool MakeFolders(const std::string& path, unsigned mode);

std::string FolderOf(const std::string& path);
std::int64_t SteadyNanos();
std::int64_t WallNanos();

}  // namespace swarm::executor_process
