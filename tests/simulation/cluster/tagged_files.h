// The virtual disk keeps its content in memory; that memory is not its user's.
#pragma once

#include <memory>
#include <utility>

#include "memory.h"
#include "swarm/files.h"

namespace swarm::test {

// Counts what happens inside as nobody's.
class Outside {
 public:
  Outside() : before_(MemoryOwner()) { SetMemoryOwner(0); }
  ~Outside() { SetMemoryOwner(before_); }

 private:
  std::uint8_t before_;
};

class TaggedFile final : public File {
 public:
  explicit TaggedFile(std::unique_ptr<File> inner) : inner_(std::move(inner)) {}
  Status Write(std::uint64_t offset, std::string_view data) noexcept override {
    const Outside outside;
    return inner_->Write(offset, data);
  }
  Result<std::string> Read(std::uint64_t offset, std::size_t size) noexcept override {
    return inner_->Read(offset, size);
  }
  Result<std::uint64_t> Size() noexcept override { return inner_->Size(); }
  Status Truncate(std::uint64_t size) noexcept override {
    const Outside outside;
    return inner_->Truncate(size);
  }
  Status Allocate(std::uint64_t size) noexcept override {
    const Outside outside;
    return inner_->Allocate(size);
  }
  Status Sync() noexcept override {
    const Outside outside;
    return inner_->Sync();
  }

 private:
  std::unique_ptr<File> inner_;
};

class TaggedFiles final : public FileSystem {
 public:
  explicit TaggedFiles(FileSystem& inner) : inner_(inner) {}
  Result<std::unique_ptr<File>> Open(std::string_view path, OpenOptions options) noexcept override {
    const Outside outside;
    SWARM_ASSIGN_OR_RETURN(auto file, inner_.Open(path, options));
    return std::unique_ptr<File>(std::make_unique<TaggedFile>(std::move(file)));
  }
  Status Rename(std::string_view from, std::string_view to) noexcept override {
    const Outside outside;
    return inner_.Rename(from, to);
  }
  Status Remove(std::string_view path) noexcept override { return inner_.Remove(path); }
  Status RemoveAll(std::string_view path) noexcept override { return inner_.RemoveAll(path); }
  Status CreateDirectory(std::string_view path, unsigned permissions) noexcept override {
    const Outside outside;
    return inner_.CreateDirectory(path, permissions);
  }
  Result<std::vector<std::string>> List(std::string_view path) noexcept override {
    return inner_.List(path);
  }
  bool Exists(std::string_view path) noexcept override { return inner_.Exists(path); }
  Status SyncDirectory(std::string_view path) noexcept override {
    const Outside outside;
    return inner_.SyncDirectory(path);
  }

 private:
  FileSystem& inner_;
};

}  // namespace swarm::test
