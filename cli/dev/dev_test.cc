#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "cli/dev/config.h"
#include "cli/dev/flows_folder.h"
#include "cli/dev/signals.h"
#include "cli/exit_code.h"

namespace orch::cli {
namespace {

TEST(ServerConfig, WhatIsLeftOutHasItsDefault) {
  const auto config = ServerConfig::Read("http: {port: 9000}\nstore: {folder: ~/data}\n");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->store, ServerConfig::Store::kSqlite);
  EXPECT_EQ(config->http_port, 9000);
  EXPECT_EQ(config->grpc_port, 50051);
  EXPECT_EQ(config->management_port, 8081);
  EXPECT_TRUE(config->folder.starts_with('/'));
  EXPECT_TRUE(config->folder.ends_with("/data"));
  EXPECT_TRUE(ServerConfig::Read("").ok());
}

TEST(ServerConfig, PostgresIsNamedByItsUrl) {
  const auto config = ServerConfig::Read("store: {type: postgres, url: 'postgresql://a/b'}");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->store, ServerConfig::Store::kPostgres);
  EXPECT_EQ(config->url, "postgresql://a/b");
}

TEST(ServerConfig, WhatIsWrongIsSaidWithItsPlace) {
  const struct {
    const char* given;
    const char* told;
  } cases[] = {
      {"htp: {port: 1}", "knows no 'htp'; did you mean `http`?"},
      {"http: {prt: 1}", "knows no 'http.prt'; did you mean `port`?"},
      {"http: {port: x}", "http.port is no port"},
      {"http: {port: 70000}", "http.port is no port"},
      {"http: 1", "http is no map"},
      {"[1]", "the configuration is no map"},
      {"store: {type: mysql}", "there are sqlite and postgres"},
      {"store: {type: postgres}", "store.url is missing"},
      {"lease: {ttl: soon}", "lease.ttl is no duration"},
      {"lease: {ttl: PT0.5S}", "lease.ttl is no duration"},
      {"a: [", "the configuration"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.given);
    const auto config = ServerConfig::Read(c.given);
    ASSERT_FALSE(config.ok());
    EXPECT_EQ(ExitCodeOf(config.status()), kUsage);
    EXPECT_NE(config.status().message().find(c.told), std::string::npos) << config.status();
  }
}

class FolderTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ = std::filesystem::path(testing::TempDir()) / ("flows" + std::to_string(getpid()));
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  void TearDown() override { std::filesystem::remove_all(path_); }
  void Write(const std::string& name, const std::string& text) {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name) << text;
  }
  FlowsFolder Folder() {
    return FlowsFolder(
        path_.string(),
        [this](const std::string& text) {
          applied_.push_back(text);
          return answer_;
        },
        [this](const std::string&, const absl::Status& status) { told_.push_back(status); });
  }
  static bool Readable(int fd) {
    pollfd wanted = {fd, POLLIN, 0};
    return poll(&wanted, 1, 5000) == 1;
  }

  std::filesystem::path path_;
  std::vector<std::string> applied_;
  std::vector<absl::Status> told_;
  absl::Status answer_;
};

TEST_F(FolderTest, EachFileIsAppliedOnceAndAgainWhenItChanges) {
  Write("a.yaml", "one");
  Write("notes.txt", "no");
  FlowsFolder folder = Folder();
  ASSERT_TRUE(folder.Watch().ok());
  folder.Sync();
  folder.Sync();
  EXPECT_EQ(applied_, (std::vector<std::string>{"one"}));
  Write("a.yaml", "two");
  ASSERT_TRUE(Readable(folder.fd()));
  folder.Drain();
  folder.Sync();
  EXPECT_EQ(applied_, (std::vector<std::string>{"one", "two"}));
}

TEST_F(FolderTest, AFileInANewFolderIsSeen) {
  FlowsFolder folder = Folder();
  ASSERT_TRUE(folder.Watch().ok());
  std::filesystem::create_directories(path_ / "team");
  ASSERT_TRUE(Readable(folder.fd()));
  folder.Drain();
  Write("team/b.yml", "deep");
  ASSERT_TRUE(Readable(folder.fd()));
  folder.Drain();
  folder.Sync();
  EXPECT_EQ(applied_, (std::vector<std::string>{"deep"}));
}

TEST_F(FolderTest, WhatCouldNotBeReachedIsTriedAgainAndWhatWasRefusedIsNot) {
  Write("a.yaml", "text");
  FlowsFolder folder = Folder();
  answer_ = absl::UnavailableError("away");
  folder.Sync();
  answer_ = absl::InvalidArgumentError("refused");
  folder.Sync();
  folder.Sync();
  EXPECT_EQ(applied_.size(), 2u);
  ASSERT_EQ(told_.size(), 2u);
  EXPECT_EQ(told_[1].message(), "refused");
}

TEST_F(FolderTest, AFolderThatIsNotThereIsAnError) {
  FlowsFolder folder((path_ / "none").string(), nullptr, nullptr);
  EXPECT_EQ(folder.Watch().code(), absl::StatusCode::kNotFound);
}

TEST(Signals, TheSecondSignalEndsTheProcess) {
  EXPECT_EXIT(
      {
        Signals signals;
        raise(SIGTERM);
        if (signals.Wait() != SIGTERM) _exit(1);
        raise(SIGTERM);
      },
      testing::ExitedWithCode(128 + SIGTERM), "");
}

}  // namespace
}  // namespace orch::cli
