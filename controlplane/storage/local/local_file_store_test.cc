#include "controlplane/storage/local/local_file_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace orch::storage {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class LocalFileStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* base = std::getenv("TEST_TMPDIR");
    std::string pattern = std::string(base == nullptr ? "/tmp" : base) + "/files.XXXXXX";
    root_ = mkdtemp(pattern.data());
    store_ = *LocalFileStore::Open(root_);
  }
  absl::StatusOr<StoredFile> Put(const FileUri& uri, const std::string& text, int64_t max = 1000) {
    TextSource source(text);
    return store_->Put("main", uri, source, max);
  }
  absl::StatusOr<std::string> Get(const FileUri& uri, int64_t offset = 0) {
    auto source = store_->Open("main", uri, offset);
    if (!source.ok()) return source.status();
    std::string text;
    char buffer[3];
    while (true) {
      auto count = (*source)->Read(buffer, sizeof buffer);
      if (!count.ok()) return count.status();
      if (*count == 0) return text;
      text.append(buffer, *count);
    }
  }
  static FileUri Uri(const std::string& name = "data.csv") {
    return FileUri::OfExecution("my.team", "flow", "e1", {"inputs", "file", name});
  }

  std::string root_;
  std::unique_ptr<LocalFileStore> store_;
};

TEST_F(LocalFileStoreTest, WhatWasPutIsRead) {
  const auto stored = Put(Uri(), "hello, world");
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(stored->size, 12);
  EXPECT_EQ(stored->sha256, "09ca7e4eaa6e8ae9c7d261167129184883644d07dfba7cbfbc4c8a2e08360d5b");
  EXPECT_EQ(*Get(Uri()), "hello, world");
  EXPECT_EQ(*Get(Uri(), 7), "world");
  EXPECT_EQ(*Get(Uri(), 100), "");
  EXPECT_EQ(store_->Stat("main", Uri())->size, 12);
}

TEST_F(LocalFileStoreTest, AFileIsSeenByItsTenantAlone) {
  ASSERT_TRUE(Put(Uri(), "x").ok());
  EXPECT_TRUE(absl::IsNotFound(store_->Open("other", Uri(), 0).status()));
}

TEST_F(LocalFileStoreTest, PuttingAgainReplacesAndAReaderKeepsWhatItOpened) {
  ASSERT_TRUE(Put(Uri(), "old").ok());
  auto reader = *store_->Open("main", Uri(), 0);
  ASSERT_TRUE(Put(Uri(), "new").ok());
  char buffer[8];
  EXPECT_EQ(std::string(buffer, *reader->Read(buffer, sizeof buffer)), "old");
  EXPECT_EQ(*Get(Uri()), "new");
}

TEST_F(LocalFileStoreTest, AFileThatIsTooLargeOrFailsLeavesNothing) {
  EXPECT_TRUE(absl::IsResourceExhausted(Put(Uri(), "12345", 4).status()));
  EXPECT_TRUE(Put(Uri("four"), "1234", 4).ok());
  struct Broken : ByteSource {
    absl::StatusOr<size_t> Read(char*, size_t) override { return absl::DataLossError("gone"); }
  } broken;
  EXPECT_EQ(store_->Put("main", Uri(), broken, 10).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(absl::IsNotFound(Get(Uri()).status()));
  EXPECT_TRUE(fs::is_empty(root_ + "/.new"));
}

TEST_F(LocalFileStoreTest, NoLinkIsFollowed) {
  ASSERT_TRUE(Put(Uri(), "x").ok());
  const std::string folder = root_ + "/main/my/team/flow/executions/e1/inputs";
  std::ofstream(root_ + "/outside") << "secret";
  ASSERT_EQ(symlink((root_ + "/outside").c_str(), (folder + "/file/link").c_str()), 0);
  ASSERT_EQ(symlink(root_.c_str(), (folder + "/up").c_str()), 0);
  EXPECT_TRUE(absl::IsNotFound(Get(Uri("link")).status()));
  EXPECT_TRUE(absl::IsNotFound(
      Get(FileUri::OfExecution("my.team", "flow", "e1", {"inputs", "up", "outside"})).status()));
  EXPECT_FALSE(
      Put(FileUri::OfExecution("my.team", "flow", "e1", {"inputs", "up", "planted"}), "x").ok());
  EXPECT_FALSE(fs::exists(root_ + "/planted"));
}

TEST_F(LocalFileStoreTest, AFolderOrAPipeIsNoFile) {
  ASSERT_TRUE(Put(Uri(), "x").ok());
  const std::string folder = root_ + "/main/my/team/flow/executions/e1/inputs/file";
  ASSERT_EQ(mkfifo((folder + "/pipe").c_str(), 0600), 0);
  EXPECT_TRUE(absl::IsNotFound(Get(Uri("pipe")).status()));
  EXPECT_TRUE(absl::IsNotFound(
      Get(FileUri::OfExecution("my.team", "flow", "e1", {"inputs", "file"})).status()));
}

TEST_F(LocalFileStoreTest, DeletingTwiceIsHarmless) {
  ASSERT_TRUE(Put(Uri(), "x").ok());
  EXPECT_TRUE(store_->Delete("main", Uri()).ok());
  EXPECT_TRUE(store_->Delete("main", Uri()).ok());
  EXPECT_TRUE(absl::IsNotFound(Get(Uri()).status()));
}

TEST_F(LocalFileStoreTest, WhatACrashLeftIsClearedAway) {
  std::ofstream(root_ + "/.new/1-1") << "half";
  store_ = *LocalFileStore::Open(root_);
  EXPECT_TRUE(fs::is_empty(root_ + "/.new"));
}

TEST(FileUri, IsReadBackAsItWasWritten) {
  const FileUri uri = FileUri::OfExecution("my.team-a", "Flow_1", "e1", {"inputs", "f", "a b.csv"});
  EXPECT_EQ(uri.ToString(), "kestra:///my/team-a/Flow_1/executions/e1/inputs/f/a-b.csv");
  EXPECT_EQ(FileUri::Parse(uri.ToString())->segments(), uri.segments());
  EXPECT_TRUE(uri.BelongsTo("my.team-a", "Flow_1", "e1"));
  EXPECT_FALSE(uri.BelongsTo("my.team-a", "Flow_1", "e"));
  EXPECT_FALSE(uri.BelongsTo("my", "team-a", "e1"));
}

TEST(FileUri, NamesBecomePlain) {
  const auto last = [](const std::string& name) {
    return FileUri::OfExecution("n", "f", "e", {name}).segments().back();
  };
  EXPECT_EQ(last("../../etc/passwd"), "passwd");
  EXPECT_EQ(last("..\\x.txt"), "x.txt");
  EXPECT_EQ(last(".."), "-.");
  EXPECT_EQ(last(".hidden"), "-hidden");
  EXPECT_EQ(last(""), "file");
  EXPECT_EQ(last(std::string(300, 'a') + ".csv").size(), 255u);
  EXPECT_THAT(last(std::string(300, 'a') + ".csv"), HasSubstr("a.csv"));
}

TEST(FileUri, RefusesWhatLeadsElsewhere) {
  for (const char* text : {"", "kestra://", "kestra:///", "/etc/passwd", "file:///etc/passwd",
                           "kestra:///a/../b", "kestra:///a//b", "kestra:///./a", "kestra:///a/",
                           "kestra:///a\nb", "kestra:///a/.new", "kestra:///a\\b"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(FileUri::Parse(text).status())) << text;
  }
  EXPECT_FALSE(FileUri::Parse("kestra:///a/" + std::string(256, 'x')).ok());
}

}  // namespace
}  // namespace orch::storage
