#include "worker/spool/file_spool.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/status_matchers.h"
#include "base/thread_executor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace orch::worker {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

v1::LeaseToken Token(const std::string& attempt) {
  v1::LeaseToken token;
  token.set_attempt(attempt);
  token.set_fence(1);
  return token;
}

v1::Result Result(const std::string& attempt, const std::string& outputs = "{}") {
  v1::Result result;
  *result.mutable_token() = Token(attempt);
  result.set_state(v1::SUCCESS);
  result.mutable_outputs()->set_utf8(outputs);
  return result;
}

v1::LogLines Lines(const std::string& attempt, int64_t first, int count, size_t size = 10) {
  v1::LogLines lines;
  *lines.mutable_token() = Token(attempt);
  lines.set_first_line(first);
  for (int i = 0; i < count; ++i) {
    lines.add_lines()->set_text(std::to_string(first + i) + std::string(size, 'x'));
  }
  return lines;
}

// The test's thread posts to the strand and waits, as the session would run there.
class FileSpoolTest : public testing::Test {
 protected:
  FileSpoolTest() {
    folder = testing::TempDir() + "/spool_" +
             testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(folder);
    options.folder = folder;
  }
  ~FileSpoolTest() override { Close(); }

  void Open() {
    auto opened = FileSpool::Open(options, executor);
    ASSERT_THAT(opened, IsOk());
    spool = *std::move(opened);
  }
  void Close() {
    On([&] { spool.reset(); });
  }
  void On(std::function<void()> work) {
    Mutex mutex;
    CondVar changed;
    bool done = false;
    executor.Post([&] {
      work();
      MutexLock lock(&mutex);
      done = true;
      changed.Signal();
    });
    MutexLock lock(&mutex);
    while (!done) changed.Wait(&mutex);
  }
  // Puts a result and waits until it is kept.
  absl::Status Put(const v1::Result& result) {
    Mutex mutex;
    CondVar changed;
    std::optional<absl::Status> answer;
    On([&] {
      spool->PutResult(result, [&](absl::Status status) {
        MutexLock lock(&mutex);
        answer = status;
        changed.Signal();
      });
    });
    MutexLock lock(&mutex);
    while (!answer.has_value()) changed.Wait(&mutex);
    return *answer;
  }
  std::vector<std::string> ResultsKept() {
    std::vector<std::string> attempts;
    On([&] {
      for (const v1::Result& result : spool->Load().results) {
        attempts.push_back(result.token().attempt());
      }
    });
    return attempts;
  }
  std::vector<std::filesystem::path> Segments() {
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) paths.push_back(entry);
    std::sort(paths.begin(), paths.end());
    return paths;
  }

  std::string folder;
  FileSpool::Options options;
  ThreadExecutor executor{"strand"};
  std::unique_ptr<FileSpool> spool;
};

TEST_F(FileSpoolTest, AKeptResultIsThereInTheNextProcess) {
  Open();
  ORCH_EXPECT_OK(Put(Result("a", "{\"x\":1}")));
  ORCH_EXPECT_OK(Put(Result("b")));
  On([&] { spool->RemoveResult(Token("b")); });
  Close();
  Open();
  EXPECT_THAT(ResultsKept(), ElementsAre("a"));
  On([&] { EXPECT_EQ(spool->Load().results[0].outputs().utf8(), "{\"x\":1}"); });
}

TEST_F(FileSpoolTest, AKeptResultIsOnDiskWhenItSaysSo) {
  Open();
  ORCH_EXPECT_OK(Put(Result("a")));
  // Another reader sees it, with this one still open: as after kill -9.
  std::filesystem::copy(folder, folder + "_copy");
  FileSpool::Options other = options;
  other.folder = folder + "_copy";
  ORCH_ASSERT_OK_AND_ASSIGN(auto copy, FileSpool::Open(other, executor));
  EXPECT_THAT(copy->Load().results, SizeIs(1));
  copy.reset();
  std::filesystem::remove_all(folder + "_copy");
}

TEST_F(FileSpoolTest, LinesComeBackFromAnyNumberOn) {
  Open();
  On([&] {
    spool->AppendLines(Lines("a", 1, 3));
    spool->AppendLines(Lines("a", 4, 2));
    v1::LogLines lines = spool->ReadLines(Token("a"), 2, 1 << 20);
    EXPECT_EQ(lines.first_line(), 2);
    EXPECT_EQ(lines.lines_size(), 4);
    EXPECT_EQ(lines.gap_count(), 0);
    lines = spool->ReadLines(Token("a"), 1, 1);
    EXPECT_EQ(lines.lines_size(), 1);  // At least one.
    EXPECT_EQ(spool->ReadLines(Token("a"), 6, 1 << 20).first_line(), 0);
    EXPECT_EQ(spool->ReadLines(Token("b"), 1, 1 << 20).first_line(), 0);
  });
}

TEST_F(FileSpoolTest, LinesAndWhatWasAcknowledgedAreThereInTheNextProcess) {
  Open();
  On([&] {
    spool->AppendLines(Lines("a", 1, 3));
    spool->AppendLines(Lines("a", 4, 2));
    spool->RemoveLines(Token("a"), 3);
    spool->AppendLines(Lines("b", 1, 2));
    spool->RemoveLines(Token("b"), 2);
    spool->AppendLines(Lines("c", 1, 2));
    spool->RemoveStream(Token("c"));
  });
  for (int round = 0; round < 3; ++round) {  // Also through segments that were carried on.
    Close();
    Open();
    On([&] {
      const Spool::Contents contents = spool->Load();
      ASSERT_THAT(contents.streams, SizeIs(2));
      EXPECT_EQ(contents.streams[0].acked_line, 3);
      EXPECT_EQ(contents.streams[0].last_line, 5);
      EXPECT_EQ(contents.streams[1].acked_line, 2);
      EXPECT_EQ(contents.streams[1].last_line, 2);
      const v1::LogLines lines = spool->ReadLines(Token("a"), 4, 1 << 20);
      ASSERT_EQ(lines.lines_size(), 2);
      EXPECT_EQ(lines.lines(0).text(), "4xxxxxxxxxx");
    });
  }
}

TEST_F(FileSpoolTest, LinesThatLeftMemoryAreReadFromDisk) {
  options.line_memory_bytes_max = 1000;
  Open();
  for (int i = 0; i < 50; ++i) On([&] { spool->AppendLines(Lines("a", 1 + i, 1, 500)); });
  ORCH_EXPECT_OK(Put(Result("barrier")));
  On([] {});
  On([&] {
    const v1::LogLines lines = spool->ReadLines(Token("a"), 1, 1 << 20);
    ASSERT_EQ(lines.lines_size(), 50);
    EXPECT_EQ(lines.lines(49).text(), "50" + std::string(500, 'x'));
  });
}

TEST_F(FileSpoolTest, AFullSpoolDropsLinesSaysSoAndKeepsResults) {
  options.line_bytes_max = 2000;
  Open();
  On([&] {
    for (int i = 0; i < 10; ++i) spool->AppendLines(Lines("a", 1 + i, 1, 500));
  });
  ORCH_EXPECT_OK(Put(Result("r", std::string(10'000, ' '))));
  for (int round = 0; round < 2; ++round) {
    On([&] {
      v1::LogLines lines = spool->ReadLines(Token("a"), 1, 1 << 20);
      EXPECT_EQ(lines.lines_size(), 3);
      lines = spool->ReadLines(Token("a"), 4, 1 << 20);
      EXPECT_EQ(lines.lines_size(), 0);
      EXPECT_EQ(lines.first_line(), 11);
      EXPECT_EQ(lines.gap_count(), 7);
    });
    EXPECT_THAT(ResultsKept(), ElementsAre("r"));
    Close();
    Open();
  }
  On([&] {
    spool->RemoveLines(Token("a"), 10);
    spool->AppendLines(Lines("a", 11, 1));  // There is room again.
    EXPECT_EQ(spool->ReadLines(Token("a"), 11, 1 << 20).lines_size(), 1);
  });
}

TEST_F(FileSpoolTest, ADamagedTailIsCut) {
  Open();
  ORCH_EXPECT_OK(Put(Result("a")));
  ORCH_EXPECT_OK(Put(Result("b")));
  Close();
  const std::filesystem::path segment = Segments().back();
  const auto size = std::filesystem::file_size(segment);
  for (const int cut : {1, 5, 12}) {
    SCOPED_TRACE(cut);
    std::filesystem::resize_file(segment, size - cut);
    Open();
    EXPECT_THAT(ResultsKept(), ElementsAre("a"));
    EXPECT_GT(spool->damaged_bytes(), 0);
    Close();
  }
}

TEST_F(FileSpoolTest, ABrokenByteCostsWhatFollowsInItsSegmentAlone) {
  Open();
  ORCH_EXPECT_OK(Put(Result("a")));
  ORCH_EXPECT_OK(Put(Result("b")));
  Close();
  const std::filesystem::path segment = Segments().back();
  {
    std::fstream file(segment, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(std::filesystem::file_size(segment)) - 2);
    file.put('!');
  }
  Open();
  EXPECT_THAT(ResultsKept(), ElementsAre("a"));
  ORCH_EXPECT_OK(Put(Result("c")));
  Close();
  Open();
  EXPECT_THAT(ResultsKept(), ElementsAre("a", "c"));
}

TEST_F(FileSpoolTest, SegmentsGoWhenNothingInThemIsNeeded) {
  options.segment_bytes_max = 4000;
  Open();
  for (int i = 0; i < 200; ++i) {
    const std::string attempt = "a" + std::to_string(i);
    ORCH_ASSERT_OK(Put(Result(attempt, std::string(500, ' '))));
    On([&] { spool->RemoveResult(Token(attempt)); });
  }
  ORCH_EXPECT_OK(Put(Result("last")));
  EXPECT_LE(Segments().size(), 3u);
  EXPECT_LE(spool->disk_bytes(), 10'000);
}

TEST_F(FileSpoolTest, AnOldResultDoesNotKeepAllThatFollows) {
  options.segment_bytes_max = 4000;
  Open();
  ORCH_ASSERT_OK(Put(Result("old")));
  On([&] { spool->AppendLines(Lines("oldlines", 1, 2)); });
  for (int i = 0; i < 200; ++i) {
    const std::string attempt = "a" + std::to_string(i);
    ORCH_ASSERT_OK(Put(Result(attempt, std::string(500, ' '))));
    On([&] { spool->RemoveResult(Token(attempt)); });
  }
  EXPECT_LE(spool->disk_bytes(), 40'000);
  Close();
  Open();
  EXPECT_THAT(ResultsKept(), ElementsAre("old"));
  On([&] { EXPECT_EQ(spool->ReadLines(Token("oldlines"), 1, 1 << 20).lines_size(), 2); });
}

TEST_F(FileSpoolTest, AFolderThatCannotBeMadeIsAnError) {
  options.folder = "/proc/nothing/here";
  EXPECT_FALSE(FileSpool::Open(options, executor).ok());
}

}  // namespace
}  // namespace orch::worker
