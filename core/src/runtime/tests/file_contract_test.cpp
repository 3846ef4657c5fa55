// What every binding promises of files, tried on a Linux folder and on a virtual disk.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdlib>
#include <memory>
#include <string>

#include "runtime/production.h"
#include "swarm/files.h"
#include "swarm/simulation.h"

namespace swarm {
namespace {

class FileContractTest : public testing::TestWithParam<bool> {
 protected:
  FileContractTest() {
    if (GetParam()) {
      std::string name = testing::TempDir() + "swarm-files-XXXXXX";
      EXPECT_NE(mkdtemp(name.data()), nullptr);
      root_ = name;
      runtime_ = MakeRuntime({.threads = 1});
    } else {
      root_ = "/root";
      simulation_ = std::make_unique<Simulation>(1);
      machine_ = &simulation_->AddMachine("m");
      EXPECT_TRUE(files().CreateDirectory(root_, 0700).ok());
    }
  }
  ~FileContractTest() override { EXPECT_TRUE(files().RemoveAll(root_).ok()); }

  FileSystem& files() { return GetParam() ? runtime_->files() : machine_->runtime().files(); }
  std::string Path(std::string_view name) const { return root_ + "/" + std::string(name); }
  std::unique_ptr<File> Create(std::string_view name) {
    auto file = files().Open(Path(name), {.mode = OpenMode::kCreate});
    EXPECT_TRUE(file.ok()) << file.status();
    return std::move(*file);
  }

  std::unique_ptr<Runtime> runtime_;
  std::unique_ptr<Simulation> simulation_;
  Machine* machine_ = nullptr;
  std::string root_;
};

TEST_P(FileContractTest, WritesAndReadsAnywhere) {
  auto file = Create("f");
  ASSERT_TRUE(file->Write(5000, "tail").ok());
  ASSERT_TRUE(file->Write(0, "head").ok());
  EXPECT_EQ(file->Size().value(), 5004U);
  EXPECT_EQ(file->Read(0, 6).value(), std::string("head\0\0", 6));
  EXPECT_EQ(file->Read(4998, 100).value(), std::string("\0\0tail", 6));
  EXPECT_EQ(file->Read(6000, 10).value(), "");
  EXPECT_TRUE(file->Sync().ok());
}

TEST_P(FileContractTest, TruncateCutsAndExtendsWithZeros) {
  auto file = Create("f");
  ASSERT_TRUE(file->Write(0, "abcdef").ok());
  ASSERT_TRUE(file->Truncate(2).ok());
  ASSERT_TRUE(file->Truncate(4).ok());
  EXPECT_EQ(file->Read(0, 10).value(), std::string("ab\0\0", 4));
}

TEST_P(FileContractTest, AllocateExtendsAndNeverCuts) {
  auto file = Create("f");
  ASSERT_TRUE(file->Write(0, "abc").ok());
  ASSERT_TRUE(file->Allocate(8192).ok());
  EXPECT_EQ(file->Size().value(), 8192U);
  ASSERT_TRUE(file->Allocate(10).ok());
  EXPECT_EQ(file->Size().value(), 8192U);
  EXPECT_EQ(file->Read(0, 4).value(), std::string("abc\0", 4));
}

TEST_P(FileContractTest, OpenModesAskForPresenceOrAbsence) {
  EXPECT_EQ(files().Open(Path("f"), {}).status().code(), Code::kNotFound);
  EXPECT_EQ(files().Open(Path("f"), {.mode = OpenMode::kWrite}).status().code(), Code::kNotFound);
  ASSERT_TRUE(files().Open(Path("f"), {.mode = OpenMode::kCreateExclusive}).ok());
  EXPECT_EQ(files().Open(Path("f"), {.mode = OpenMode::kCreateExclusive}).status().code(),
            Code::kAlreadyExists);
  EXPECT_TRUE(files().Open(Path("f"), {.mode = OpenMode::kCreate}).ok());
  auto reader = files().Open(Path("f"), {});
  ASSERT_TRUE(reader.ok());
  EXPECT_EQ((*reader)->Write(0, "x").code(), Code::kPermissionDenied);
  EXPECT_EQ(files().Open(root_, {}).status().code(), Code::kFailedPrecondition);
  EXPECT_EQ(files().Open(Path("no/f"), {.mode = OpenMode::kCreate}).status().code(),
            Code::kNotFound);
}

TEST_P(FileContractTest, ErrorsNameThePath) {
  const Status status = files().Open(Path("absent"), {}).status();
  EXPECT_NE(status.message().find(Path("absent")), std::string::npos) << status;
}

TEST_P(FileContractTest, RenameReplaces) {
  ASSERT_TRUE(Create("a")->Write(0, "new").ok());
  ASSERT_TRUE(Create("b")->Write(0, "old").ok());
  ASSERT_TRUE(files().Rename(Path("a"), Path("b")).ok());
  EXPECT_EQ(ReadFile(files(), Path("b")).value(), "new");
  EXPECT_FALSE(files().Exists(Path("a")));
  EXPECT_EQ(files().Rename(Path("a"), Path("b")).code(), Code::kNotFound);
  EXPECT_TRUE(files().SyncDirectory(root_).ok());
}

TEST_P(FileContractTest, RemovingWhatIsAbsentIsFine) {
  EXPECT_TRUE(files().Remove(Path("f")).ok());
  EXPECT_TRUE(files().RemoveAll(Path("d")).ok());
  Create("f");
  EXPECT_TRUE(files().Remove(Path("f")).ok());
  EXPECT_FALSE(files().Exists(Path("f")));
}

TEST_P(FileContractTest, FoldersAreMadeWithParentsAndRemovedWithContent) {
  ASSERT_TRUE(files().CreateDirectory(Path("a/b/c"), 0700).ok());
  ASSERT_TRUE(files().CreateDirectory(Path("a/b/c/"), 0700).ok());
  Create("a/b/f");
  EXPECT_EQ(files().List(Path("a/b")).value(), (std::vector<std::string>{"c", "f"}));
  EXPECT_EQ(files().CreateDirectory(Path("a/b/f"), 0700).code(), Code::kAlreadyExists);
  ASSERT_TRUE(files().RemoveAll(Path("a")).ok());
  EXPECT_FALSE(files().Exists(Path("a")));
  EXPECT_EQ(files().List(Path("a")).status().code(), Code::kNotFound);
}

TEST_P(FileContractTest, LocksExclude) {
  const OpenOptions locked{.mode = OpenMode::kCreate, .lock = true};
  {
    auto first = files().Open(Path("lock"), locked);
    ASSERT_TRUE(first.ok()) << first.status();
    EXPECT_EQ(files().Open(Path("lock"), locked).status().code(), Code::kFailedPrecondition);
  }
  EXPECT_TRUE(files().Open(Path("lock"), locked).ok());
  EXPECT_EQ(files().Open(Path("lock"), {.lock = true}).status().code(), Code::kInvalidArgument);
}

TEST_P(FileContractTest, WriteFileAtomicallyReplacesTheContent) {
  ASSERT_TRUE(WriteFileAtomically(files(), Path("f"), "a longer first one", 0600).ok());
  ASSERT_TRUE(WriteFileAtomically(files(), Path("f"), "second", 0600).ok());
  EXPECT_EQ(ReadFile(files(), Path("f")).value(), "second");
  EXPECT_EQ(files().List(root_).value(), (std::vector<std::string>{"f"}));
}

INSTANTIATE_TEST_SUITE_P(Bindings, FileContractTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "Linux" : "Virtual"; });

class LinuxFilesTest : public testing::Test {
 protected:
  LinuxFilesTest() {
    root_ = testing::TempDir() + "swarm-files-XXXXXX";
    EXPECT_NE(mkdtemp(root_.data()), nullptr);
  }
  ~LinuxFilesTest() override { EXPECT_TRUE(runtime_->files().RemoveAll(root_).ok()); }
  static unsigned Mode(const std::string& path) {
    struct stat info {};
    EXPECT_EQ(stat(path.c_str(), &info), 0);
    return info.st_mode & 07777U;
  }

  std::unique_ptr<Runtime> runtime_ = MakeRuntime({.threads = 1});
  std::string root_;
};

TEST_F(LinuxFilesTest, PermissionsAreExact) {
  const mode_t before = umask(077);
  EXPECT_TRUE(WriteFileAtomically(runtime_->files(), root_ + "/f", "x", 0644).ok());
  EXPECT_TRUE(runtime_->files().CreateDirectory(root_ + "/d", 0711).ok());
  umask(before);
  EXPECT_EQ(Mode(root_ + "/f"), 0644U);
  EXPECT_EQ(Mode(root_ + "/d"), 0711U);
}

TEST_F(LinuxFilesTest, AFullFileIsResourceExhausted) {
  auto file = runtime_->files().Open(root_ + "/f", {.mode = OpenMode::kCreate});
  ASSERT_TRUE(file.ok());
  struct rlimit old {};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  struct rlimit small = old;
  small.rlim_cur = 4096;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const Status status = (*file)->Write(0, std::string(8192, 'x'));
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &old), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(status.code(), Code::kResourceExhausted) << status;
}

}  // namespace
}  // namespace swarm
