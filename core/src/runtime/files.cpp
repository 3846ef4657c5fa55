// What every file system can do with the basic operations.
#include "swarm/files.h"

namespace swarm {

Result<std::string> ReadFile(FileSystem& files, std::string_view path) {
  SWARM_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, files.Open(path, {}));
  SWARM_ASSIGN_OR_RETURN(const std::uint64_t size, file->Size());
  std::string out;
  // Some files tell no size; the end is where a read is short.
  std::size_t wanted = size > 0 ? size : 4096;
  for (;;) {
    SWARM_ASSIGN_OR_RETURN(const std::string part, file->Read(out.size(), wanted));
    if (part.empty()) return out;
    out += part;
    if (size > 0 && out.size() >= size) return out;
    wanted = 4096;
  }
}

Status WriteFileAtomically(FileSystem& files, std::string_view path, std::string_view data,
                           unsigned permissions) {
  const std::size_t slash = path.rfind('/');
  const std::string folder(slash == std::string_view::npos ? "."
                           : slash == 0                    ? "/"
                                                           : path.substr(0, slash));
  const std::string temporary = std::string(path) + ".tmp";
  // A left-over of an interrupted write may have other permissions.
  SWARM_RETURN_IF_ERROR(files.Remove(temporary));
  const OpenOptions options{.mode = OpenMode::kCreateExclusive, .permissions = permissions};
  SWARM_ASSIGN_OR_RETURN(std::unique_ptr<File> file, files.Open(temporary, options));
  Status written = file->Write(0, data);
  if (written.ok()) written = file->Sync();
  file.reset();
  if (written.ok()) written = files.Rename(temporary, path);
  if (!written.ok()) {
    // The first error tells more than one of the removal would.
    static_cast<void>(files.Remove(temporary));
    return written;
  }
  return files.SyncDirectory(folder);
}

}  // namespace swarm
