#include "worker/runner/glob.h"

#include <filesystem>
#include <fstream>

#include "base/status_matchers.h"

namespace orch::worker {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Glob, FollowsJavasRules) {
  struct Case {
    const char* pattern;
    const char* path;
    bool matches;
  };
  const Case cases[] = {
      {"*.csv", "a.csv", true},
      {"*.csv", "sub/a.csv", false},
      {"**.csv", "sub/a.csv", true},
      {"out/**", "out/a/b.txt", true},
      {"out/**", "out", false},
      {"out/*", "out/a/b", false},
      {"**/x", "a/x", true},
      {"**/x", "x", false},
      {"a?c", "abc", true},
      {"a?c", "a/c", false},
      {"[a-c]x", "bx", true},
      {"[!a-c]x", "bx", false},
      {"[!a-c]x", "dx", true},
      {"{a,bc}d", "bcd", true},
      {"{a,bc}d", "bd", false},
      {"*.{csv,json}", "x.json", true},
      {"a\\*b", "a*b", true},
      {"a\\*b", "axb", false},
      {"data.json", "data.json", true},
      {"data.json", "dataxjson", false},
      {"[-x]y", "-y", true},
      {"*", "", true},
      {"**", "a/b/c", true},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(std::string(c.pattern) + " " + c.path);
    ORCH_ASSERT_OK_AND_ASSIGN(const Glob glob, Glob::Parse(c.pattern));
    EXPECT_EQ(glob.Matches(c.path), c.matches);
  }
}

TEST(Glob, WhatIsNotClosedIsAnError) {
  for (const char* pattern : {"[a", "{a", "a\\", "{a{b}}"}) {
    SCOPED_TRACE(pattern);
    EXPECT_THAT(Glob::Parse(pattern), StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

TEST(Glob, APathologicalPatternIsAnsweredAtOnce) {
  std::string pattern;
  for (int i = 0; i < 30; ++i) pattern += "*a";
  ORCH_ASSERT_OK_AND_ASSIGN(const Glob glob, Glob::Parse(pattern + "b"));
  EXPECT_FALSE(glob.Matches(std::string(2000, 'a')));
}

TEST(FindFiles, FollowsNoLinks) {
  const std::string folder = testing::TempDir() + "/find";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder + "/sub");
  for (const char* name : {"/b.txt", "/a.txt", "/sub/c.txt"}) std::ofstream(folder + name) << "x";
  std::filesystem::create_symlink("/etc/hostname", folder + "/link.txt");
  std::filesystem::create_directory_symlink("/etc", folder + "/dir");
  EXPECT_THAT(FindFiles(folder, {"*.txt"}), IsOkAndHolds(ElementsAre("a.txt", "b.txt")));
  EXPECT_THAT(FindFiles(folder, {"**"}), IsOkAndHolds(ElementsAre("a.txt", "b.txt", "sub/c.txt")));
  EXPECT_THAT(FindFiles(folder, {"*.none"}), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(FindFiles(folder, {"**"}, 2), StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST(CheckRelativePath, NothingLeavesTheFolder) {
  for (const char* name : {"", "/a", "../a", "a/../b", "./a", "a//b", "a/", "a/.."}) {
    SCOPED_TRACE(name);
    EXPECT_FALSE(CheckRelativePath(name).ok());
  }
  EXPECT_THAT(CheckRelativePath("a/b..c/.d"), IsOkAndHolds("a/b..c/.d"));
}

}  // namespace
}  // namespace orch::worker
