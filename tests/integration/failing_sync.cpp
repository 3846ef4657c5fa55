// Preloaded into swarmd by a test: from the moment the file named by SWARM_TEST_FAIL_SYNC exists,
// no sync succeeds any more, as on a disk that has failed.
#include <dlfcn.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace {

bool Failing() {
  const char* file = std::getenv("SWARM_TEST_FAIL_SYNC");
  return file != nullptr && access(file, F_OK) == 0;
}

int Sync(const char* name, int fd) {
  if (Failing()) {
    errno = EIO;
    return -1;
  }
  return reinterpret_cast<int (*)(int)>(dlsym(RTLD_NEXT, name))(fd);
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int fdatasync(int fd) {
  return Sync("fdatasync", fd);
}
extern "C" __attribute__((visibility("default"))) int fsync(int fd) { return Sync("fsync", fd); }
