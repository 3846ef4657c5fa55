// The laws of the virtual disk: what was synced survives a crash, what was not is lost, torn or
// kept by the seed, and programs see neither before they crash.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "swarm/files.h"
#include "swarm/simulation.h"

namespace swarm {
namespace {

constexpr int kSeeds = 200;

std::unique_ptr<File> OpenFile(FileSystem& files, std::string_view path,
                               OpenMode mode = OpenMode::kCreate) {
  auto file = files.Open(path, {.mode = mode});
  EXPECT_TRUE(file.ok()) << file.status();
  return file.ok() ? std::move(*file) : nullptr;
}

void Put(FileSystem& files, std::string_view path, std::string_view data) {
  auto file = OpenFile(files, path);
  ASSERT_TRUE(file->Truncate(0).ok());
  ASSERT_TRUE(file->Write(0, data).ok());
  ASSERT_TRUE(file->Sync().ok());
}

// A disk with the durable file /d/f holding `content`, then `change`, then a crash; returns what
// each of many seeds leaves in /d/f ("absent" when nothing).
std::multiset<std::string> Outcomes(std::string_view content,
                                    const std::function<void(FileSystem&)>& change) {
  std::multiset<std::string> out;
  for (int seed = 0; seed < kSeeds; ++seed) {
    Simulation simulation(static_cast<std::uint64_t>(seed));
    Machine& machine = simulation.AddMachine("m");
    FileSystem& files = machine.runtime().files();
    EXPECT_TRUE(files.CreateDirectory("/d", 0700).ok());
    Put(files, "/d/f", content);
    EXPECT_TRUE(files.SyncDirectory("/d").ok());
    EXPECT_TRUE(files.SyncDirectory("/").ok());
    change(files);
    machine.Crash();
    auto left = ReadFile(machine.disk(), "/d/f");
    out.insert(left.ok() ? *left : "absent");
  }
  return out;
}

TEST(VirtualDiskTest, KeepsWhatWasSynced) {
  const auto left = Outcomes("old", [](FileSystem& files) {
    auto file = OpenFile(files, "/d/f");
    ASSERT_TRUE(file->Write(0, "new!").ok());
    ASSERT_TRUE(file->Sync().ok());
  });
  EXPECT_EQ(left.count("new!"), static_cast<std::size_t>(kSeeds));
}

TEST(VirtualDiskTest, ShowsUnsyncedWritesUntilTheCrash) {
  Simulation simulation(1);
  FileSystem& files = simulation.AddMachine("m").runtime().files();
  auto file = OpenFile(files, "/f");
  ASSERT_TRUE(file->Write(3, "abc").ok());
  EXPECT_EQ(ReadFile(files, "/f").value(), std::string("\0\0\0abc", 6));
}

TEST(VirtualDiskTest, LosesKeepsOrTearsUnsyncedWrites) {
  const std::string old(2048, 'o');
  const std::string fresh(2048, 'n');
  const auto left = Outcomes(
      old, [&](FileSystem& files) { ASSERT_TRUE(OpenFile(files, "/d/f")->Write(0, fresh).ok()); });
  EXPECT_GT(left.count(old), 10U);
  EXPECT_GT(left.count(fresh), 10U);
  int torn = 0;
  bool between_sectors = false;
  bool inside_a_sector = false;
  for (const std::string& content : left) {
    ASSERT_EQ(content.size(), old.size());
    ASSERT_EQ(content.find_first_not_of("on"), std::string::npos);
    if (content == old || content == fresh) continue;
    ++torn;
    for (std::size_t i = 1; i < content.size(); ++i) {
      if (content[i] == content[i - 1]) continue;
      (i % 512 == 0 ? between_sectors : inside_a_sector) = true;
    }
  }
  EXPECT_GT(torn, 10);
  EXPECT_TRUE(between_sectors);
  EXPECT_TRUE(inside_a_sector);
}

TEST(VirtualDiskTest, MayKeepALaterWriteWithoutAnEarlierOne) {
  const auto left = Outcomes("aabb", [](FileSystem& files) {
    auto file = OpenFile(files, "/d/f");
    ASSERT_TRUE(file->Write(0, "AA").ok());
    ASSERT_TRUE(file->Write(2, "BB").ok());
  });
  EXPECT_GT(left.count("aaBB"), 0U);
  EXPECT_GT(left.count("AAbb"), 0U);
}

TEST(VirtualDiskTest, MayExtendAFileWithoutItsData) {
  const auto left = Outcomes(
      "x", [](FileSystem& files) { ASSERT_TRUE(OpenFile(files, "/d/f")->Write(1, "yz").ok()); });
  EXPECT_GT(left.count(std::string("x\0\0", 3)), 0U);
}

TEST(VirtualDiskTest, CreationIsDurableOnlyAfterSyncDirectory) {
  for (const bool synced : {false, true}) {
    std::size_t survived = 0;
    for (int seed = 0; seed < kSeeds; ++seed) {
      Simulation simulation(static_cast<std::uint64_t>(seed));
      Machine& machine = simulation.AddMachine("m");
      Put(machine.disk(), "/new", "content");
      if (synced) {
        ASSERT_TRUE(machine.disk().SyncDirectory("/").ok());
      }
      machine.Crash();
      survived += machine.disk().Exists("/new") ? 1 : 0;
    }
    if (synced) {
      EXPECT_EQ(survived, static_cast<std::size_t>(kSeeds));
    }
    if (!synced) {
      EXPECT_LT(survived, static_cast<std::size_t>(kSeeds));
    }
    EXPECT_GT(survived, 0U);
  }
}

TEST(VirtualDiskTest, RenameIsAtomicAndDurableOnlyAfterSyncDirectory) {
  for (const bool synced : {false, true}) {
    const auto left = Outcomes("old", [&](FileSystem& files) {
      Put(files, "/d/tmp", "new");
      ASSERT_TRUE(files.Rename("/d/tmp", "/d/f").ok());
      EXPECT_EQ(ReadFile(files, "/d/f").value(), "new");
      EXPECT_FALSE(files.Exists("/d/tmp"));
      if (synced) {
        ASSERT_TRUE(files.SyncDirectory("/d").ok());
      }
    });
    EXPECT_EQ(left.count("old") + left.count("new"), static_cast<std::size_t>(kSeeds));
    if (synced) {
      EXPECT_EQ(left.count("old"), 0U);
    }
    if (!synced) {
      EXPECT_GT(left.count("old"), 0U);
    }
  }
}

TEST(VirtualDiskTest, RenameOfAnUnsyncedFileMayLeaveItEmpty) {
  const auto left = Outcomes("old", [](FileSystem& files) {
    ASSERT_TRUE(OpenFile(files, "/d/tmp")->Write(0, "new").ok());
    ASSERT_TRUE(files.Rename("/d/tmp", "/d/f").ok());
    ASSERT_TRUE(files.SyncDirectory("/d").ok());
  });
  EXPECT_GT(left.count(""), 0U);
}

TEST(VirtualDiskTest, RemovalMayBeLost) {
  const auto left = Outcomes("old", [](FileSystem& files) {
    ASSERT_TRUE(files.Remove("/d/f").ok());
    EXPECT_FALSE(files.Exists("/d/f"));
  });
  EXPECT_GT(left.count("old"), 0U);
  EXPECT_GT(left.count("absent"), 0U);
}

TEST(VirtualDiskTest, RenameOfAFolderMovesWhatItHolds) {
  Simulation simulation(3);
  Machine& machine = simulation.AddMachine("m");
  FileSystem& files = machine.runtime().files();
  ASSERT_TRUE(files.CreateDirectory("/a/tmp", 0700).ok());
  Put(files, "/a/tmp/f", "x");
  for (const char* folder : {"/a/tmp", "/a", "/"}) ASSERT_TRUE(files.SyncDirectory(folder).ok());
  ASSERT_TRUE(files.Rename("/a/tmp", "/a/final").ok());
  ASSERT_TRUE(files.SyncDirectory("/a").ok());
  machine.Crash();
  EXPECT_EQ(ReadFile(machine.disk(), "/a/final/f").value(), "x");
  EXPECT_FALSE(machine.disk().Exists("/a/tmp"));
}

TEST(VirtualDiskTest, WriteFileAtomicallyLeavesOldOrNew) {
  const auto left = Outcomes("old", [](FileSystem& files) {
    ASSERT_TRUE(WriteFileAtomically(files, "/d/f", "new", 0600).ok());
  });
  EXPECT_EQ(left.count("new"), static_cast<std::size_t>(kSeeds));
}

// Each sync of WriteFileAtomically is needed: without any one of them some seed shows it.
TEST(VirtualDiskTest, CatchesWriteFileAtomicallyWithoutAnyOfItsSyncs) {
  for (std::uint64_t skip = 0; skip < 2; ++skip) {
    int broken = 0;
    for (int seed = 0; seed < kSeeds; ++seed) {
      Simulation simulation(static_cast<std::uint64_t>(seed));
      Machine& machine = simulation.AddMachine("m");
      ASSERT_TRUE(WriteFileAtomically(machine.disk(), "/f", "old", 0600).ok());
      const std::uint64_t first = machine.disk().sync_count();
      machine.disk().OnSync([&](std::uint64_t n, std::string_view) { return n != first + skip; });
      ASSERT_TRUE(WriteFileAtomically(machine.disk(), "/f", "new", 0600).ok());
      ASSERT_EQ(machine.disk().sync_count(), first + 2);
      machine.Crash();
      auto left = ReadFile(machine.disk(), "/f");
      if (!left.ok() || *left != "new") ++broken;
    }
    EXPECT_GT(broken, 0) << "without sync " << skip;
  }
}

TEST(VirtualDiskTest, CrashInsideASyncKillsTheCaller) {
  Simulation simulation(5);
  Machine& machine = simulation.AddMachine("m");
  FileSystem& old_files = machine.runtime().files();
  auto file = OpenFile(old_files, "/f");
  ASSERT_TRUE(file->Write(0, "x").ok());
  machine.disk().OnSync([&](std::uint64_t, std::string_view) {
    machine.Crash();
    return true;
  });
  EXPECT_EQ(file->Sync().code(), Code::kCancelled);
  EXPECT_EQ(file->Write(0, "y").code(), Code::kCancelled);
  EXPECT_EQ(old_files.Remove("/f").code(), Code::kCancelled);
}

TEST(VirtualDiskTest, RefusesWhatDoesNotFit) {
  Simulation simulation(6);
  VirtualDisk& disk = simulation.AddMachine("m").disk();
  auto file = OpenFile(disk, "/f");
  disk.SetCapacity(10);
  ASSERT_TRUE(file->Write(0, "12345678").ok());
  EXPECT_EQ(file->Write(8, "abcdef").code(), Code::kResourceExhausted);
  EXPECT_LE(file->Size().value(), 10U);
  EXPECT_EQ(file->Allocate(11).code(), Code::kResourceExhausted);
  ASSERT_TRUE(file->Write(0, "overwrite").ok() || file->Size().value() < 9);
  ASSERT_TRUE(file->Truncate(4).ok());
  EXPECT_TRUE(OpenFile(disk, "/g")->Write(0, "123456").ok());
  ASSERT_TRUE(disk.Remove("/g").ok());
  EXPECT_TRUE(file->Write(4, "123456").ok());
}

TEST(VirtualDiskTest, FailedSyncIsAnErrorAndDurabilityIsGone) {
  int lost = 0;
  for (int seed = 0; seed < kSeeds; ++seed) {
    Simulation simulation(static_cast<std::uint64_t>(seed));
    Machine& machine = simulation.AddMachine("m");
    Put(machine.disk(), "/f", "old");
    ASSERT_TRUE(machine.disk().SyncDirectory("/").ok());
    auto file = OpenFile(machine.disk(), "/f");
    ASSERT_TRUE(file->Write(0, "new").ok());
    machine.disk().FailSyncs(1);
    EXPECT_EQ(file->Sync().code(), Code::kDataLoss);
    EXPECT_TRUE(file->Sync().ok());  // and yet what was written before may be gone
    machine.Crash();
    if (ReadFile(machine.disk(), "/f").value() != "new") ++lost;
  }
  EXPECT_GT(lost, 0);
}

TEST(VirtualDiskTest, LocksExcludeEachOtherUntilClosedOrCrashed) {
  Simulation simulation(7);
  Machine& machine = simulation.AddMachine("m");
  const OpenOptions locked{.mode = OpenMode::kCreate, .lock = true};
  auto first = machine.disk().Open("/lock", locked);
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(machine.disk().Open("/lock", locked).status().code(), Code::kFailedPrecondition);
  EXPECT_TRUE(machine.disk().Open("/lock", {}).ok());
  first = Status(Code::kCancelled, "closed");
  auto second = machine.disk().Open("/lock", locked);
  ASSERT_TRUE(second.ok());
  ASSERT_TRUE(machine.disk().SyncDirectory("/").ok());
  machine.Crash();
  auto third = machine.disk().Open("/lock", locked);
  ASSERT_TRUE(third.ok());
  second = Status(Code::kCancelled, "closed");  // the dead process's file holds nothing any more
  EXPECT_EQ(machine.disk().Open("/lock", locked).status().code(), Code::kFailedPrecondition);
}

TEST(VirtualDiskTest, CorruptChangesTheMedium) {
  Simulation simulation(8);
  Machine& machine = simulation.AddMachine("m");
  Put(machine.disk(), "/f", "abc");
  ASSERT_TRUE(machine.disk().SyncDirectory("/").ok());
  ASSERT_TRUE(machine.disk().Corrupt("/f", 1, "X").ok());
  EXPECT_EQ(ReadFile(machine.disk(), "/f").value(), "aXc");
  machine.Crash();
  EXPECT_EQ(ReadFile(machine.disk(), "/f").value(), "aXc");
  EXPECT_EQ(machine.disk().Corrupt("/f", 3, "X").code(), Code::kOutOfRange);
}

}  // namespace
}  // namespace swarm
