#include "cli/command/arguments.h"

#include <gtest/gtest.h>

namespace orch::cli {
namespace {

// A console that keeps what it is told.
class KeepingConsole final : public Console {
 public:
  KeepingConsole() : Console(Options{}) {}
  void Out(std::string_view text) override { out += text; }
  void Draw(std::string_view bytes) override { talk += bytes; }
  std::string out;
  std::string talk;
};

struct Fixture {
  KeepingConsole console;
  Arguments arguments{"orch", "Runs flows."};
  std::vector<std::string> inputs;
  std::string name;
  std::string format = "table";
  std::vector<std::string> rest;
  bool wait = false;
  int count = 0;

  Fixture() {
    Verb root = arguments.root();
    Verb flow = root.Add("flow", "Flows.");
    flow.Add("validate", "Checks flows.").Run([] { return 6; });
    flow.Add("list", "Lists flows.").Run([] { return 0; });
    root.Add("run", "Starts a flow.")
        .Options("-i,--input", &inputs, "KEY=VALUE", "An input.")
        .Flag("--wait", &wait, "Wait.")
        .Option("-n,--count", &count, "N", "How many.")
        .Choice("-o,--output", &format, {"table", "json"}, "Form.")
        .Positional("NAME", &name, "What.", Need::kRequired)
        .Run([] { return 10; });
    root.Add("execution", "Executions.").Alias("exec").Alias("x").Add("get", "One.").Run([] {
      return 0;
    });
    root.Add("worker", "Runs a worker.").Rest(&rest).Run([] { return 0; });
  }
  int Run(std::vector<std::string> line) { return arguments.Run(line, console); }
};

TEST(Arguments, AVerbsAnswerIsTheExitCode) {
  EXPECT_EQ(Fixture().Run({"flow", "validate"}), 6);
  EXPECT_EQ(Fixture().Run({"flow", "list"}), 0);
  EXPECT_EQ(Fixture().Run({"x", "get"}), 0);
  EXPECT_EQ(Fixture().Run({"exec", "get"}), 0);
}

TEST(Arguments, ARepeatedOptionTakesOneValueEachTime) {
  Fixture f;
  EXPECT_EQ(f.Run({"run", "-i", "a=1", "-i", "b=[1,2]", "-i", "c=-1", "report", "--wait"}), 10)
      << f.console.talk;
  EXPECT_EQ(f.inputs, (std::vector<std::string>{"a=1", "b=[1,2]", "c=-1"}));
  EXPECT_EQ(f.name, "report");
  EXPECT_TRUE(f.wait);
}

TEST(Arguments, AnEmptyValueIsAValue) {
  Fixture f;
  EXPECT_EQ(f.Run({"run", "--input=", "report"}), 10) << f.console.talk;
  EXPECT_EQ(f.inputs, (std::vector<std::string>{""}));
  EXPECT_EQ(f.name, "report");
}

TEST(Arguments, AWordThatIsNoneIsExitTwoWithTheNearestOne) {
  const struct {
    std::vector<std::string> line;
    const char* hint;
  } cases[] = {
      {{"flw", "list"}, "did you mean `flow`?"},
      {{"flow", "vaildate"}, "did you mean `validate`?"},
      {{"run", "x", "--wiat"}, "did you mean `--wait`?"},
      {{"run", "x", "--inptu=a=1"}, "did you mean `--input`?"},
      {{"zzzzzz"}, "has no word 'zzzzzz'"},
      {{"run"}, "NAME is required"},
      {{"run", "x", "-n", "abc"}, "abc"},
      {{"run", "x", "-o", "xml"}, "'xml' is none of table|json"},
      {{"run", "x", "y"}, "has no word 'y'"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.hint);
    Fixture f;
    EXPECT_EQ(f.Run(c.line), 2);
    EXPECT_NE(f.console.talk.find(c.hint), std::string::npos) << f.console.talk;
    EXPECT_EQ(f.console.out, "");
  }
}

TEST(Arguments, HelpGoesToStdoutAndIsNoError) {
  Fixture f;
  EXPECT_EQ(f.Run({"run", "--help"}), 0);
  EXPECT_NE(f.console.out.find("Starts a flow."), std::string::npos);
  EXPECT_NE(f.console.out.find("Usage: orch run "), std::string::npos) << f.console.out;
  EXPECT_EQ(f.console.talk, "");
}

TEST(Arguments, ANounAloneShowsItsVerbsAndIsAnError) {
  Fixture f;
  EXPECT_EQ(f.Run({"flow"}), 2);
  EXPECT_NE(f.console.talk.find("validate"), std::string::npos);
}

TEST(Arguments, TheRestIsPassedOnUntouched) {
  Fixture f;
  EXPECT_EQ(f.Run({"worker", "--server", "h:1", "-x", "--help"}), 0) << f.console.talk;
  EXPECT_EQ(f.rest, (std::vector<std::string>{"--server", "h:1", "-x", "--help"}));
}

}  // namespace
}  // namespace orch::cli
