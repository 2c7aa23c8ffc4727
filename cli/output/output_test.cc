#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "cli/output/execution_tree.h"
#include "cli/output/execution_view.h"
#include "cli/output/live_lines.h"
#include "cli/output/style.h"
#include "cli/output/table.h"
#include "expression/json.h"

namespace orch::cli {
namespace {

const absl::Time kNoon = absl::FromUnixSeconds(1'700'000'000);

// A terminal of endless height: what the bytes of LiveLines leave on it.
class Screen {
 public:
  void Write(std::string_view bytes) {
    for (size_t at = 0; at < bytes.size();) {
      if (bytes[at] == '\x1b') {
        size_t end = at + 2;
        while (bytes[end] >= '0' && bytes[end] <= '9') ++end;
        const std::string number(bytes.substr(at + 2, end - at - 2));
        if (bytes[end] == 'A') row_ -= std::stoul(number);
        if (bytes[end] == 'K') rows_[row_].clear();
        if (bytes[end] == 'J') rows_.resize(row_ + 1), rows_[row_].clear();
        at = end + 1;
      } else if (bytes[at] == '\n') {
        if (++row_ == rows_.size()) rows_.emplace_back();
        column_ = 0;
        ++at;
      } else if (bytes[at] == '\r') {
        column_ = 0;
        ++at;
      } else {
        rows_[row_].resize(std::max(rows_[row_].size(), column_ + 1), ' ');
        rows_[row_][column_++] = bytes[at++];
      }
    }
  }
  const std::vector<std::string>& rows() const { return rows_; }

 private:
  std::vector<std::string> rows_ = {""};
  size_t row_ = 0;
  size_t column_ = 0;
};

TEST(LiveLines, TheScreenShowsTheLastBlockWhateverCameBefore) {
  const std::vector<std::vector<std::string>> blocks = {
      {"a", "b"}, {"a", "bb", "c"}, {"a", "bb", "c"}, {"x", "bb"}, {"x"}, {}, {"p", "q", "r"}};
  LiveLines live;
  Screen screen;
  for (const auto& block : blocks) {
    screen.Write(live.Redraw(block));
    std::vector<std::string> expected = block;
    expected.push_back("");  // Where the cursor rests.
    EXPECT_EQ(screen.rows(), expected);
  }
}

TEST(LiveLines, OnlyChangedLinesAreWritten) {
  LiveLines live;
  live.Redraw({"first", "second", "third"});
  const std::string bytes = live.Redraw({"first", "2nd", "third"});
  EXPECT_EQ(bytes.find("first"), std::string::npos);
  EXPECT_EQ(bytes.find("third"), std::string::npos);
  EXPECT_NE(bytes.find("2nd"), std::string::npos);
  EXPECT_EQ(live.Redraw({"first", "2nd", "third"}), "");
}

TEST(Style, TextIsCutByColumnsNotByBytes) {
  EXPECT_EQ(Fit("abcdef", 6), "abcdef");
  EXPECT_EQ(Fit("abcdef", 4), "abc…");
  EXPECT_EQ(Fit("日本語", 5), "日本…");
  EXPECT_EQ(Fit(Paint("abcdef", Ink::kRed, true), 4), "\x1b[31mabc…\x1b[0m");
  EXPECT_EQ(Columns("日本"), 4u);
}

TEST(Style, ATerminalCannotBeTakenOverByText) {
  EXPECT_EQ(Visible("a\x1b[2Jb\r"), "a\\x1b[2Jb\\x0d");
  EXPECT_EQ(Visible("\xc2\x9b"
                    "2J"),
            "\\x9b"
            "2J");
  EXPECT_EQ(Visible("é\tü"), "é\tü");
}

TEST(Table, ColumnsLineUp) {
  Table table({"ID", "STATE"});
  table.Add({"a", {"SUCCESS", Ink::kGreen}});
  table.Add({"日本", "FAILED"});
  EXPECT_EQ(table.Draw(false), "ID    STATE\na     SUCCESS\n日本  FAILED\n");
  EXPECT_NE(table.Draw(true).find("\x1b[32mSUCCESS\x1b[0m"), std::string::npos);
}

ExecutionView Execution(const std::string& state) {
  ExecutionView view;
  view.id = "e1";
  view.namespace_ = "examples";
  view.flow = "report";
  view.state = state;
  view.start = kNoon;
  return view;
}

RunView RunOf(const std::string& id, const std::string& task, const std::string& state,
              const std::string& parent = "", const std::string& value = "") {
  RunView run;
  run.id = id;
  run.task = task;
  run.state = state;
  run.parent = parent;
  run.value = value;
  run.start = kNoon;
  if (IsEnd(state)) run.end = kNoon + absl::Milliseconds(1200);
  return run;
}

TEST(ExecutionTree, RunsStandBelowTheirParents) {
  ExecutionView view = Execution("RUNNING");
  view.runs = {RunOf("1", "split", "SUCCESS"), RunOf("2", "loop", "RUNNING"),
               RunOf("3", "count", "RUNNING", "2", "Lu"),
               RunOf("4", "count", "CREATED", "2", "Ll")};
  view.run_count = 4;
  const std::vector<std::string> lines = TreeLines(view, kNoon + absl::Seconds(3), {});
  EXPECT_EQ(lines, (std::vector<std::string>{
                       "● examples.report  RUNNING  3.0 s  e1",
                       "├ ✓ split  SUCCESS  1.2 s",
                       "└ ● loop  RUNNING  3.0 s",
                       "  ├ ● count[Lu]  RUNNING  3.0 s",
                       "  └ · count[Ll]  CREATED",
                   }));
}

TEST(ExecutionTree, AManyFoldFanOutBecomesCountsAndWhatMatters) {
  ExecutionView view = Execution("RUNNING");
  view.runs = {RunOf("l", "loop", "RUNNING")};
  for (int i = 0; i < 500; ++i) {
    view.runs.push_back(
        RunOf(absl::StrCat("r", i), "work", i == 250 ? "FAILED" : "SUCCESS", "l", absl::StrCat(i)));
  }
  view.run_count = 10'000;
  const std::vector<std::string> lines = TreeLines(view, kNoon, {});
  EXPECT_EQ(lines, (std::vector<std::string>{
                       "● examples.report  RUNNING  0.0 s  e1",
                       "└ ● loop  RUNNING  0.0 s",
                       "  └ work × 500  1 FAILED, 499 SUCCESS",
                       "    └ ✗ work[250]  FAILED  1.2 s",
                       "  … and 9499 more runs",
                   }));
}

TEST(ExecutionTree, NeverTallerNorWiderThanItMay) {
  ExecutionView view = Execution("RUNNING");
  for (int i = 0; i < 100; ++i) {
    view.runs.push_back(RunOf(absl::StrCat(i), absl::StrCat("task_number_", i), "SUCCESS"));
  }
  view.run_count = 100;
  TreeOptions options{.width = 20, .line_count_max = 10, .child_count_max = 200};
  const std::vector<std::string> lines = TreeLines(view, kNoon, options);
  ASSERT_EQ(lines.size(), 10u);
  for (const std::string& line : lines) EXPECT_LE(Columns(line), 20u) << line;
  EXPECT_NE(lines.back().find("task_number_99"), std::string::npos);
}

TEST(ChangeTeller, EachChangeIsToldOnce) {
  ChangeTeller teller;
  ExecutionView view = Execution("RUNNING");
  view.runs = {RunOf("1", "a", "RUNNING")};
  EXPECT_EQ(teller.Tell(view, false),
            (std::vector<std::string>{"● examples.report  RUNNING", "  ● a  RUNNING"}));
  EXPECT_TRUE(teller.Tell(view, false).empty());
  view.runs[0] = RunOf("1", "a", "SUCCESS");
  view.state = "SUCCESS";
  view.end = kNoon + absl::Seconds(2);
  EXPECT_EQ(
      teller.Tell(view, false),
      (std::vector<std::string>{"  ✓ a  SUCCESS  1.2 s", "✓ examples.report  SUCCESS  2.0 s"}));
}

TEST(ExecutionView, ReadsTheJsonOfAnExecution) {
  const auto json = expression::ParseJson(R"({
    "id": "x1", "namespace": "n", "flowId": "f", "taskRunCount": 7,
    "state": {"current": "RUNNING", "startDate": "2026-01-02T03:04:05.678Z"},
    "taskRunList": [{"id": "r1", "taskId": "t", "parentTaskRunId": "r0", "value": "v",
      "attempts": [{}, {}], "waiting": {"reason": "slots", "detail": "3 wait for a slot"},
      "counts": {"created": 9, "live": 2, "failed": 1, "done": 6},
      "state": {"current": "SUCCESS", "startDate": "2026-01-02T03:04:05.678Z",
                "endDate": "2026-01-02T03:04:06.678Z"}}]})");
  ASSERT_TRUE(json.ok()) << json.status();
  const auto view = ExecutionView::Of(*json);
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_EQ(view->state, "RUNNING");
  EXPECT_EQ(view->run_count, 7);
  ASSERT_EQ(view->runs.size(), 1u);
  EXPECT_EQ(view->runs[0].parent, "r0");
  EXPECT_EQ(view->runs[0].attempt_count, 2);
  EXPECT_EQ(view->runs[0].waiting, "3 wait for a slot");
  EXPECT_EQ(view->runs[0].created, 9);
  EXPECT_EQ(*view->runs[0].end - *view->runs[0].start, absl::Seconds(1));
  EXPECT_FALSE(ExecutionView::Of(*expression::ParseJson("{}")).ok());
}

TEST(ShortDuration, GrowsItsUnits) {
  EXPECT_EQ(ShortDuration(absl::Milliseconds(1234)), "1.2 s");
  EXPECT_EQ(ShortDuration(absl::Milliseconds(59960)), "1 min 00 s");
  EXPECT_EQ(ShortDuration(absl::Seconds(187)), "3 min 07 s");
  EXPECT_EQ(ShortDuration(absl::Minutes(125)), "2 h 05 min");
}

}  // namespace
}  // namespace orch::cli
