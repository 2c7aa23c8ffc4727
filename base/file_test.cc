#include "base/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/status_matchers.h"
#include "base/unique_fd.h"

namespace orch {
namespace {

class FileTest : public testing::Test {
 protected:
  FileTest() {
    std::string folder = testing::TempDir() + "/file_test.XXXXXX";
    if (mkdtemp(folder.data()) == nullptr) abort();
    folder_ = folder;
  }
  ~FileTest() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }

  // Names of everything in the folder.
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      names.push_back(entry.path().filename());
    }
    return names;
  }

  std::string folder_;
};

TEST_F(FileTest, WhatWasWrittenIsRead) {
  const std::string contents("a\0b\n", 4);
  ORCH_ASSERT_OK(WriteFileAtomically(Path("x"), contents));
  EXPECT_THAT(ReadFile(Path("x"), 100), IsOkAndHolds(contents));
  EXPECT_THAT(Names(), testing::ElementsAre("x")) << "nothing is left beside it";
}

TEST_F(FileTest, WritingReplacesAndSetsTheMode) {
  ORCH_ASSERT_OK(WriteFileAtomically(Path("x"), "a longer first text"));
  ORCH_ASSERT_OK(WriteFileAtomically(Path("x"), "second", 0640));
  EXPECT_THAT(ReadFile(Path("x"), 100), IsOkAndHolds("second"));
  struct stat info{};
  ASSERT_EQ(stat(Path("x").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0640u);
}

TEST_F(FileTest, AFailedWriteLeavesNothing) {
  std::filesystem::create_directory(Path("x"));
  EXPECT_THAT(WriteFileAtomically(Path("x"), "text"), testing::Not(IsOk()));
  EXPECT_THAT(Names(), testing::ElementsAre("x"));
  EXPECT_THAT(WriteFileAtomically(Path("missing/x"), "text"),
              StatusIs(absl::StatusCode::kNotFound, testing::HasSubstr("missing/x")));
}

TEST_F(FileTest, ReadingStopsAtTheLimit) {
  ORCH_ASSERT_OK(WriteFileAtomically(Path("x"), "12345"));
  EXPECT_THAT(ReadFile(Path("x"), 5), IsOkAndHolds("12345"));
  EXPECT_THAT(ReadFile(Path("x"), 4), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(ReadFile(Path("y"), 4), StatusIs(absl::StatusCode::kNotFound));
  ORCH_ASSERT_OK(WriteFileAtomically(Path("empty"), ""));
  EXPECT_THAT(ReadFile(Path("empty"), 0), IsOkAndHolds(""));
}

TEST_F(FileTest, ReadsFilesThatDoNotKnowTheirSize) {
  EXPECT_THAT(ReadFile("/proc/self/status", 1 << 20), IsOkAndHolds(testing::HasSubstr("Pid:")));
  EXPECT_THAT(ReadFile("/dev/zero", 10'000), StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST_F(FileTest, RemovingTwiceIsNoError) {
  ORCH_ASSERT_OK(WriteFileAtomically(Path("x"), "text"));
  ORCH_EXPECT_OK(RemoveFile(Path("x")));
  ORCH_EXPECT_OK(RemoveFile(Path("x")));
  EXPECT_THAT(Names(), testing::IsEmpty());
  std::filesystem::create_directory(Path("folder"));
  EXPECT_THAT(RemoveFile(Path("folder")), StatusIs(absl::StatusCode::kFailedPrecondition));
}

bool IsOpen(int fd) { return fcntl(fd, F_GETFD) >= 0; }

TEST(UniqueFd, ClosesWhatItOwnsOnce) {
  int raw = open("/dev/null", O_RDONLY | O_CLOEXEC);
  ASSERT_GE(raw, 0);
  {
    UniqueFd first(raw);
    UniqueFd second = std::move(first);
    EXPECT_FALSE(first.valid());  // NOLINT: a moved-from descriptor is none.
    EXPECT_EQ(second.get(), raw);
    EXPECT_TRUE(IsOpen(raw));
  }
  EXPECT_FALSE(IsOpen(raw));
}

TEST(UniqueFd, WhatIsReleasedStaysOpen) {
  const int raw = open("/dev/null", O_RDONLY | O_CLOEXEC);
  {
    EXPECT_EQ(UniqueFd(raw).Release(), raw);
  }
  EXPECT_TRUE(IsOpen(raw));
  UniqueFd(raw).Reset();
  EXPECT_FALSE(IsOpen(raw));
}

}  // namespace
}  // namespace orch
