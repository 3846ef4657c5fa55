// A log on a virtual disk.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "swarm/simulation.h"
#include "wal/storage.h"

namespace swarm::wal {

class LogFixture : public testing::Test {
 protected:
  explicit LogFixture(std::uint64_t seed = 1)
      : simulation_(seed), machine_(simulation_.AddMachine("m")) {
    options_.directory = "/state/raft";
    options_.key = "key";
    options_.segment_bytes = 16 << 10;
    options_.zero_ahead_bytes = 4 << 10;
    EXPECT_TRUE(disk().CreateDirectory("/state", 0700).ok());
    EXPECT_TRUE(disk().SyncDirectory("/").ok());
  }

  VirtualDisk& disk() { return machine_.disk(); }
  Log& log() { return *storage_->log; }
  SnapshotFiles& snapshots() { return *storage_->snapshots; }
  const std::vector<Entry>& entries() const { return storage_->contents.entries; }

  Status Create() { return CreateStorage(disk(), options_, "metadata"); }
  Status Open() {
    storage_.reset();
    Result<Storage> opened = OpenStorage(machine_.runtime(), options_);
    if (!opened.ok()) return opened.status();
    storage_ = std::make_unique<Storage>(*std::move(opened));
    return Status::Ok();
  }
  void CreateAndOpen() {
    ASSERT_EQ(Create(), Status::Ok());
    ASSERT_EQ(Open(), Status::Ok());
  }
  void Close() {
    if (storage_ != nullptr) log().Close();
    storage_.reset();
  }
  void Crash() {
    machine_.Crash();
    storage_.reset();
  }

  // One entry and a hard state that commits it.
  Status Append(std::uint64_t index, const std::string& data, bool sync = true,
                std::uint64_t term = 1) {
    const EntryView entry{Term(term), Index(index), EntryType::kNormal, data, {}};
    return log().Append({Term(term), RaftId(7), Index(index)}, {&entry, 1}, sync);
  }
  void AppendMany(std::uint64_t first, std::uint64_t limit, std::size_t size = 100) {
    for (std::uint64_t i = first; i < limit; ++i)
      ASSERT_EQ(Append(i, DataOf(i, size)), Status::Ok());
  }
  static std::string DataOf(std::uint64_t index, std::size_t size = 100) {
    std::string data = "entry " + std::to_string(index) + " ";
    data.resize(std::max(size, data.size()), 'x');
    return data;
  }
  // Entries first, first + 1 ... limit - 1 are what was read.
  void ExpectEntries(std::uint64_t first, std::uint64_t limit, std::size_t size = 100) {
    ASSERT_EQ(entries().size(), limit - first);
    for (std::uint64_t i = first; i < limit; ++i) {
      EXPECT_EQ(entries()[i - first].index, Index(i));
      EXPECT_EQ(entries()[i - first].data, DataOf(i, size));
    }
  }

  std::vector<std::string> LogFiles() {
    std::vector<std::string> files;
    const Result<std::vector<std::string>> names = disk().List(options_.log_directory());
    for (const std::string& name : *names) {
      if (name.ends_with(".wal")) files.push_back(name);
    }
    return files;
  }
  std::string PathOf(const std::string& name) { return options_.log_directory() + "/" + name; }

  Simulation simulation_;
  Machine& machine_;
  StorageOptions options_;
  std::unique_ptr<Storage> storage_;
};

}  // namespace swarm::wal
