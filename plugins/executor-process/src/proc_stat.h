// Who a process is, beyond its number: numbers are used again, a number with its start time in one
// boot is not. Plain POSIX, shared with the helper program.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

namespace swarm::executor_process {

// What a small file of /proc holds; empty when it cannot be read.
inline std::string ReadProcFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  std::string out(4096, '\0');
  const ssize_t size = read(fd, out.data(), out.size());
  close(fd);
  out.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return out;
}

// Start time in clock ticks since boot; 0 when there is no such process, or only its remains.
inline std::uint64_t StartTimeOf(std::int32_t pid) {
  const std::string stat = ReadProcFile("/proc/" + std::to_string(pid) + "/stat");
  // The name, in parentheses, may hold spaces and parentheses: fields count from the last ")".
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos || name_end + 2 >= stat.size()) return 0;
  const char* at = stat.c_str() + name_end + 2;
  if (*at == 'Z' || *at == 'X') return 0;
  for (int field = 3; field < 22; ++field) {
    at = std::strchr(at, ' ');
    if (!at) return 0;
    ++at;
  }
  return std::strtoull(at, nullptr, 10);
}

inline std::string BootId() {
  std::string id = ReadProcFile("/proc/sys/kernel/random/boot_id");
  while (!id.empty() && id.back() == '\n') id.pop_back();
  return id;
}

}  // namespace swarm::executor_process
