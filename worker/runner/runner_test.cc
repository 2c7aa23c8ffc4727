// The runner with the real shim, and real processes.
#include "worker/runner/runner.h"

#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/status_matchers.h"
#include "base/thread_executor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "worker/runner/fakes.h"
#include "worker/session/token_key.h"
#include "worker/tasks/builtin.h"

extern char** environ;

namespace orch::worker {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

std::string shim_path;
std::string self_path;

v1::LeaseToken Token(const std::string& attempt) {
  v1::LeaseToken token;
  token.set_attempt(attempt);
  token.set_fence(1);
  return token;
}

v1::Assign Assign(const std::string& type, const std::string& config,
                  const std::string& attempt = "a") {
  v1::Assign assign;
  *assign.mutable_token() = Token(attempt);
  assign.set_type(type);
  assign.mutable_config()->set_utf8(config);
  return assign;
}
v1::Assign Shell(const std::string& command, const std::string& attempt = "a") {
  std::string quoted;
  for (const char c : command) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return Assign("scripts.shell.Commands", "{\"commands\":[\"" + quoted + "\"]}", attempt);
}

// Says what the session would hear. Waits without polling.
class Heard final : public Spawn::Listener {
 public:
  void OnLines(const v1::LeaseToken& token, std::vector<v1::LogLine> lines) override {
    MutexLock lock(&mutex_);
    for (v1::LogLine& line : lines) lines_.push_back(std::move(line));
    changed_.SignalAll();
  }
  void OnMetric(v1::Metric metric) override {
    MutexLock lock(&mutex_);
    metrics_.push_back(std::move(metric));
  }
  void OnEnd(v1::Result result) override {
    MutexLock lock(&mutex_);
    results_.push_back(std::move(result));
    changed_.SignalAll();
  }

  v1::Result WaitForResult() {
    MutexLock lock(&mutex_);
    for (int seconds = 0; seconds < 60 && results_.empty();) {
      if (changed_.WaitWithTimeout(&mutex_, absl::Seconds(1))) ++seconds;
    }
    return results_.empty() ? v1::Result() : results_.back();
  }
  bool WaitForLine(const std::string& text) {
    MutexLock lock(&mutex_);
    for (int seconds = 0; seconds < 60;) {
      for (const v1::LogLine& line : lines_) {
        if (line.text() == text) return true;
      }
      if (changed_.WaitWithTimeout(&mutex_, absl::Seconds(1))) ++seconds;
    }
    return false;
  }
  std::vector<std::string> Texts() {
    MutexLock lock(&mutex_);
    std::vector<std::string> texts;
    for (const v1::LogLine& line : lines_) texts.push_back(line.text());
    return texts;
  }
  size_t result_count() {
    MutexLock lock(&mutex_);
    return results_.size();
  }
  std::vector<v1::Metric> metrics() {
    MutexLock lock(&mutex_);
    return metrics_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<v1::LogLine> lines_;
  std::vector<v1::Metric> metrics_;
  std::vector<v1::Result> results_;
};

// A runner on a strand of its own.
struct Worker {
  explicit Worker(const std::string& folder, Runner::Options options = {}) {
    options.folder = folder;
    options.host.shim = shim_path;
    types = BuiltinTypes();
    sdk::TaskType waits;
    waits.type = "test.Waits";
    waits.make = [] {
      struct Waits : sdk::Task {
        absl::StatusOr<sdk::TaskResult> Run(sdk::TaskContext& context) override {
          context.Log(sdk::LogLevel::kInfo, "waiting");
          context.WaitForStop(absl::Seconds(60));
          return sdk::TaskResult{};
        }
      };
      return std::make_unique<Waits>();
    };
    types.tasks.Add(waits);
    sdk::TaskType fails;
    fails.type = "test.Fails";
    fails.make = [] {
      struct Fails : sdk::Task {
        absl::StatusOr<sdk::TaskResult> Run(sdk::TaskContext& context) override {
          throw std::runtime_error("secret is hunter2");
        }
      };
      return std::make_unique<Fails>();
    };
    types.tasks.Add(fails);
    runner = std::make_unique<Runner>(options, clock, executor, files(), types);
  }
  ~Worker() {
    On([&] { runner.reset(); });
  }
  static FakeFiles& files() {
    static FakeFiles all;
    return all;
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
  absl::Status Start(const v1::Assign& assign, absl::Duration term = absl::Minutes(5)) {
    absl::Status status;
    On([&] { status = runner->Start(assign, clock.Boottime() + term, &heard); });
    return status;
  }
  std::vector<Spawn::Found> Recover() {
    std::vector<Spawn::Found> found;
    On([&] { found = runner->Recover(&heard); });
    return found;
  }
  v1::Result Run(const v1::Assign& assign) {
    EXPECT_THAT(Start(assign), IsOk());
    return heard.WaitForResult();
  }

  RealClock clock;
  ThreadExecutor executor{"strand"};
  TypeRegistry types;
  Heard heard;
  std::unique_ptr<Runner> runner;
};

class RunnerTest : public testing::Test {
 protected:
  RunnerTest() {
    folder = testing::TempDir() + "/runner_" +
             testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
  }
  std::vector<std::string> AttemptsLeft() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder + "/attempts")) {
      names.push_back(entry.path());
    }
    return names;
  }
  // Whether a process is gone within some seconds.
  bool Gone(int pid) {
    for (int i = 0; i < 400; ++i) {
      if (::kill(pid, 0) != 0) return true;
      std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
      std::string word;
      stat >> word >> word >> word;
      if (word == "Z") return true;
      ::usleep(25'000);
    }
    return false;
  }
  int NumberIn(const std::string& path) {
    for (int i = 0; i < 400; ++i) {
      std::ifstream in(path);
      int number = 0;
      std::string rest;
      if (in >> number && number > 0) return number;
      ::usleep(25'000);
    }
    return 0;
  }

  std::string folder;
};

TEST_F(RunnerTest, ACommandPrintsAndSucceeds) {
  Worker worker(folder);
  const v1::Result result = worker.Run(Shell("echo hello; echo '::{\"outputs\":{\"x\":1}}::'"));
  EXPECT_EQ(result.state(), v1::SUCCESS) << result.DebugString();
  EXPECT_EQ(result.outputs().utf8(), R"({"vars":{"x":1},"exitCode":0,"outputFiles":{}})");
  EXPECT_THAT(worker.heard.Texts(), ElementsAre("hello"));
  EXPECT_LE(result.started_micros(), result.ended_micros());
}

TEST_F(RunnerTest, AnExitCodeFailsAndKeepsOutputs) {
  Worker worker(folder);
  const v1::Result result = worker.Run(Shell("echo '::{\"outputs\":{\"x\":1}}::'; exit 66"));
  EXPECT_EQ(result.state(), v1::FAILED);
  EXPECT_EQ(result.error().code(), "EXIT_CODE");
  EXPECT_EQ(result.error().message(), "Command failed with exit code 66");
  EXPECT_THAT(result.outputs().utf8(), HasSubstr("\"exitCode\":66"));
}

TEST_F(RunnerTest, FailFastDecidesWhichCommandCounts) {
  {
    Worker worker(folder);
    EXPECT_EQ(
        worker.Run(Assign("scripts.shell.Commands", R"({"commands":["false","true"]})")).state(),
        v1::FAILED);
  }
  Worker worker(folder);
  EXPECT_EQ(worker
                .Run(Assign("scripts.shell.Commands",
                            R"({"commands":["false","true"],"failFast":false})"))
                .state(),
            v1::SUCCESS);
}

TEST_F(RunnerTest, StderrMakesAWarningUnlessToldNot) {
  {
    Worker worker(folder);
    EXPECT_EQ(worker.Run(Shell("echo oops >&2")).state(), v1::WARNING);
  }
  Worker worker(folder);
  EXPECT_EQ(worker
                .Run(Assign("scripts.shell.Commands",
                            R"({"commands":["echo oops >&2"],"warningOnStdErr":false})"))
                .state(),
            v1::SUCCESS);
}

TEST_F(RunnerTest, APythonScriptRunsWithJsonLiterals) {
  Worker worker(folder);
  const v1::Result result = worker.Run(Assign(
      "scripts.python.Script",
      R"json({"script":"import json\nx = {\"ok\": true, \"no\": null}\nprint(json.dumps(x))"})json"));
  EXPECT_EQ(result.state(), v1::SUCCESS) << result.DebugString();
  EXPECT_THAT(worker.heard.Texts(), ElementsAre(R"({"ok": true, "no": null})"));
}

TEST_F(RunnerTest, APythonCommandFindsPython) {
  Worker worker(folder);
  const v1::Result result = worker.Run(
      Assign("scripts.python.Commands",
             R"json({"inputFiles":{"main.py":"print(6*7)"},"commands":["python main.py"]})json"));
  EXPECT_EQ(result.state(), v1::SUCCESS) << result.DebugString();
  EXPECT_THAT(worker.heard.Texts(), ElementsAre("42"));
}

TEST_F(RunnerTest, FilesGoInAndOut) {
  Worker::files().Put("kestra:///in/data.txt", "from storage");
  Worker worker(folder);
  const v1::Result result = worker.Run(Assign("scripts.shell.Commands", R"({
      "inputFiles": {"sub/dir/a.txt": "text", "b.txt": "kestra:///in/data.txt"},
      "outputFiles": ["*.out"],
      "commands": ["cat sub/dir/a.txt > x.out", "cat b.txt > y.out",
                   "mkdir deep && touch deep/z.out", "cat kestra:///in/data.txt"]})"));
  EXPECT_EQ(result.state(), v1::SUCCESS) << result.DebugString();
  EXPECT_THAT(worker.heard.Texts(), ElementsAre("from storage"));
  const std::string& outputs = result.outputs().utf8();
  EXPECT_THAT(outputs, HasSubstr(R"("x.out":"kestra:///a/)"));
  EXPECT_THAT(outputs, Not(HasSubstr("z.out")));
  const size_t at = outputs.find("\"y.out\":\"") + 9;
  EXPECT_EQ(Worker::files().Get(outputs.substr(at, outputs.find('"', at) - at)), "from storage");
}

TEST_F(RunnerTest, MarkersBecomePathsOfTheFolder) {
  Worker worker(folder);
  v1::Assign assign = Shell(
      "test orch-late:n:workingDir; = \"$WORKING_DIR\" && pwd && "
      "echo hi > orch-late:n:outputDir;/f.txt && echo x > orch-late:n:outputFiles:612e747874;");
  assign.set_marker_nonce("n");
  assign.mutable_config()->set_utf8(
      assign.config().utf8().substr(0, assign.config().utf8().size() - 1) +
      R"(,"outputFiles":["a.txt"]})");
  const v1::Result result = worker.Run(assign);
  EXPECT_EQ(result.state(), v1::SUCCESS) << result.DebugString();
  EXPECT_THAT(result.outputs().utf8(), HasSubstr("\"f.txt\":"));
  EXPECT_THAT(result.outputs().utf8(), HasSubstr("\"a.txt\":"));
}

TEST_F(RunnerTest, TheEnvironmentIsOnlyWhatIsNamed) {
  ::setenv("ORCH_TEST_PASSED", "yes", 1);
  ::setenv("ORCH_TEST_HIDDEN", "no", 1);
  Runner::Options options;
  options.host.pass_env = {"ORCH_TEST_PASSED"};
  Worker worker(folder, options);
  worker.Run(Assign("scripts.shell.Commands",
                    R"({"env":{"OWN":"mine"},"commands":["env | cut -d= -f1 | sort"]})"));
  const std::vector<std::string> names = worker.heard.Texts();
  EXPECT_THAT(names, Contains("ORCH_TEST_PASSED"));
  EXPECT_THAT(names, Contains("OWN"));
  EXPECT_THAT(names, Contains("PATH"));
  EXPECT_THAT(names, Not(Contains("ORCH_TEST_HIDDEN")));
}

TEST_F(RunnerTest, SecretsAreInNoLineNoErrorAndNoCommandLine) {
  Worker worker(folder);
  v1::Assign assign = Shell("echo token=sw0rdfish; tr '\\0' ' ' < /proc/$$/cmdline; exit 3");
  assign.add_secrets("sw0rdfish");
  const v1::Result result = worker.Run(assign);
  EXPECT_THAT(worker.heard.Texts(), Contains("token=******"));
  for (const std::string& text : worker.heard.Texts()) {
    EXPECT_THAT(text, Not(HasSubstr("sw0rdfish")));
    EXPECT_THAT(text, Not(HasSubstr("echo token")));  // The script is a file, not an argument.
  }
}

TEST_F(RunnerTest, ATimeoutFailsAndLeavesNoDescendant) {
  Runner::Options options;
  options.host.grace = absl::Milliseconds(200);
  Worker worker(folder, options);
  v1::Assign assign = Shell("sh -c 'trap \"\" TERM; echo $$ > " + folder +
                            "/pid1; sleep 60' & "
                            "setsid sh -c 'echo $$ > " +
                            folder + "/pid2; sleep 60' & sleep 60");
  assign.mutable_timeout()->set_micros(1'000'000);
  const v1::Result result = worker.Run(assign);
  EXPECT_EQ(result.state(), v1::FAILED);
  EXPECT_EQ(result.error().code(), "TIMEOUT");
  EXPECT_EQ(result.error().message(), "Timeout after PT1S");
  EXPECT_TRUE(Gone(NumberIn(folder + "/pid1")));
  EXPECT_TRUE(Gone(NumberIn(folder + "/pid2")));
}

TEST_F(RunnerTest, AStopKillsAllDescendants) {
  Worker worker(folder);
  ASSERT_THAT(
      worker.Start(Shell("setsid sleep 60 & echo $! > " + folder + "/child; echo up; wait")),
      IsOk());
  ASSERT_TRUE(worker.heard.WaitForLine("up"));
  const int child = NumberIn(folder + "/child");
  worker.On([&] { worker.runner->Stop(Token("a"), v1::Stop::KILLED_BY_USER); });
  EXPECT_EQ(worker.heard.WaitForResult().state(), v1::KILLED);
  EXPECT_TRUE(Gone(child));
}

TEST_F(RunnerTest, AStopAtOnceStartsNothingOrKillsIt) {
  Worker worker(folder);
  worker.On([&] {
    ASSERT_THAT(worker.runner->Start(Shell("sleep 60"), worker.clock.Boottime() + absl::Minutes(1),
                                     &worker.heard),
                IsOk());
    worker.runner->Stop(Token("a"), v1::Stop::KILLED_BY_USER);
  });
  EXPECT_EQ(worker.heard.WaitForResult().state(), v1::KILLED);
}

TEST_F(RunnerTest, WhatAScriptLeavesBehindGoesWithIt) {
  Worker worker(folder);
  const v1::Result result =
      worker.Run(Shell("setsid sleep 60 > /dev/null 2>&1 & echo $! > " + folder + "/child"));
  EXPECT_EQ(result.state(), v1::SUCCESS);
  EXPECT_TRUE(Gone(NumberIn(folder + "/child")));
}

TEST_F(RunnerTest, AnAbandonedAttemptIsKilledWithoutAWordAndLeavesNoFolder) {
  Worker worker(folder);
  ASSERT_THAT(worker.Start(Shell("echo $$ > " + folder + "/child; echo up; sleep 60")), IsOk());
  ASSERT_TRUE(worker.heard.WaitForLine("up"));
  worker.On([&] { worker.runner->Abandon(Token("a")); });
  EXPECT_TRUE(Gone(NumberIn(folder + "/child")));
  for (int i = 0; i < 400 && !AttemptsLeft().empty(); ++i) ::usleep(25'000);
  EXPECT_THAT(AttemptsLeft(), IsEmpty());
  EXPECT_EQ(worker.heard.result_count(), 0u);
}

TEST_F(RunnerTest, TheShimKillsAtTheDeadlineWithoutAnyWorker) {
  int child = 0;
  {
    Worker worker(folder);
    ASSERT_THAT(
        worker.Start(Shell("echo $$ > " + folder + "/child; echo up; sleep 60"), absl::Seconds(2)),
        IsOk());
    ASSERT_TRUE(worker.heard.WaitForLine("up"));
    child = NumberIn(folder + "/child");
  }
  EXPECT_EQ(::kill(child, 0), 0);  // It goes on without its worker,
  EXPECT_TRUE(Gone(child));        // until the deadline.
}

TEST_F(RunnerTest, ADeadlineThatMovesKeepsTheScriptAlive) {
  Worker worker(folder);
  ASSERT_THAT(worker.Start(Shell("echo up; sleep 2; echo late"), absl::Milliseconds(1500)), IsOk());
  ASSERT_TRUE(worker.heard.WaitForLine("up"));
  worker.On(
      [&] { worker.runner->SetDeadline(Token("a"), worker.clock.Boottime() + absl::Minutes(1)); });
  EXPECT_EQ(worker.heard.WaitForResult().state(), v1::SUCCESS);
  EXPECT_THAT(worker.heard.Texts(), ElementsAre("up", "late"));
}

TEST_F(RunnerTest, AFolderGoesWhenItsResultIsSafe) {
  Worker worker(folder);
  worker.Run(Shell("true"));
  EXPECT_THAT(AttemptsLeft(), SizeIs(1));
  worker.On([&] { worker.runner->Release(Token("a")); });
  for (int i = 0; i < 400 && !AttemptsLeft().empty(); ++i) ::usleep(25'000);
  EXPECT_THAT(AttemptsLeft(), IsEmpty());
}

// A worker process of its own, which the test kills; run as this program with --child.
class KilledWorkerTest : public RunnerTest {
 protected:
  int StartChild(const std::string& command) {
    std::string child_flag = "--child=" + folder;
    std::string shim_flag = "--shim=" + shim_path;
    std::string command_flag = "--command=" + command;
    char* argv[] = {self_path.data(), child_flag.data(), shim_flag.data(), command_flag.data(),
                    nullptr};
    pid_t pid = 0;
    EXPECT_EQ(::posix_spawn(&pid, self_path.c_str(), nullptr, nullptr, argv, environ), 0);
    return pid;
  }
  void Kill(int pid) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
};

TEST_F(KilledWorkerTest, TheNextWorkerReadsOnAndReports) {
  const int child = StartChild("echo one; touch " + folder + "/up; while [ ! -e " + folder +
                               "/go ]; do sleep 0.05; done; echo two; exit 5");
  for (int i = 0; i < 400 && !std::filesystem::exists(folder + "/up"); ++i) ::usleep(25'000);
  Kill(child);
  Worker worker(folder);
  const std::vector<Spawn::Found> found = worker.Recover();
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].assign.token().attempt(), "a");
  EXPECT_GT(found[0].deadline, worker.clock.Boottime());
  ASSERT_TRUE(worker.heard.WaitForLine("one"));
  std::ofstream(folder + "/go") << "";
  const v1::Result result = worker.heard.WaitForResult();
  EXPECT_EQ(result.state(), v1::FAILED);
  EXPECT_THAT(result.outputs().utf8(), HasSubstr("\"exitCode\":5"));
  EXPECT_THAT(worker.heard.Texts(), ElementsAre("one", "two"));
}

TEST_F(KilledWorkerTest, WhatEndedMeanwhileIsReportedAsWell) {
  const int child = StartChild("touch " + folder +
                               "/up; while kill -0 $PPID; do "
                               "[ -e " +
                               folder + "/go ] && break; sleep 0.05; done; echo done");
  for (int i = 0; i < 400 && !std::filesystem::exists(folder + "/up"); ++i) ::usleep(25'000);
  Kill(child);
  std::ofstream(folder + "/go") << "";
  for (int i = 0; i < 400; ++i) {
    if (std::filesystem::exists(AttemptsLeft()[0] + "/exit")) break;
    ::usleep(25'000);
  }
  Worker worker(folder);
  EXPECT_THAT(worker.Recover(), SizeIs(1));
  EXPECT_EQ(worker.heard.WaitForResult().state(), v1::SUCCESS);
  EXPECT_THAT(worker.heard.Texts(), ElementsAre("done"));
}

TEST_F(KilledWorkerTest, AStopReachesAScriptOfAnEarlierWorker) {
  const int child = StartChild("touch " + folder + "/up; sleep 60");
  for (int i = 0; i < 400 && !std::filesystem::exists(folder + "/up"); ++i) ::usleep(25'000);
  Kill(child);
  Worker worker(folder);
  EXPECT_THAT(worker.Recover(), SizeIs(1));
  worker.On([&] { worker.runner->Stop(Token("a"), v1::Stop::KILLED_BY_USER); });
  EXPECT_EQ(worker.heard.WaitForResult().state(), v1::KILLED);
}

TEST_F(RunnerTest, WhatWasNotBegunIsNotFound) {
  {
    Worker worker(folder);
  }
  std::filesystem::create_directories(folder + "/attempts/0000-1");
  const std::string bytes = Shell("true").SerializeAsString();
  std::ofstream(folder + "/attempts/0000-1/assign", std::ios::binary) << bytes;
  Worker worker(folder);
  EXPECT_THAT(worker.Recover(), IsEmpty());
}

TEST_F(RunnerTest, AShimThatIsKilledFailsTheAttemptAndItsScriptGoes) {
  Worker worker(folder);
  ASSERT_THAT(worker.Start(Shell("echo $$ > " + folder + "/child; echo up; sleep 60")), IsOk());
  ASSERT_TRUE(worker.heard.WaitForLine("up"));
  ::kill(NumberIn(AttemptsLeft()[0] + "/pid"), SIGKILL);
  const v1::Result result = worker.heard.WaitForResult();
  EXPECT_EQ(result.state(), v1::FAILED);
  EXPECT_EQ(result.error().code(), "PROCESS_LOST");
  EXPECT_TRUE(Gone(NumberIn(folder + "/child")));
}

TEST_F(RunnerTest, ManyLinesKeepTheirOrderAndNoneIsLost) {
  Worker worker(folder);
  const v1::Result result =
      worker.Run(Shell("i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done"));
  EXPECT_EQ(result.state(), v1::SUCCESS);
  const std::vector<std::string> texts = worker.heard.Texts();
  ASSERT_EQ(texts.size(), 20'000u);
  for (int i = 0; i < 20'000; ++i)
    ASSERT_EQ(texts[static_cast<size_t>(i)], "line " + std::to_string(i));
}

TEST_F(RunnerTest, LargeOutputsGoAsAFileAndHugeOnesFail) {
  {
    Worker worker(folder);
    const v1::Result result =
        worker.Run(Shell("printf '::{\"outputs\":{\"x\":\"'; head -c 400000 /dev/zero | tr '\\0' "
                         "y; printf '\"}}::'"));
    EXPECT_EQ(result.state(), v1::SUCCESS) << result.DebugString();
    EXPECT_FALSE(result.has_outputs());
    EXPECT_GT(Worker::files().Get(result.outputs_uri()).size(), 400'000u);
  }
  Worker worker(folder);
  const v1::Result result = worker.Run(
      Shell("for i in 1 2 3; do printf '::{\"outputs\":{\"x'$i'\":\"'; head -c 7000000 /dev/zero | "
            "tr '\\0' y; printf '\"}}::\\n'; done"));
  EXPECT_EQ(result.state(), v1::FAILED);
  EXPECT_EQ(result.error().code(), "OUTPUT_TOO_LARGE");
}

TEST_F(RunnerTest, ALongScriptIsNoArgument) {
  Worker worker(folder);
  const v1::Result result = worker.Run(Shell("true # " + std::string(300'000, 'x')));
  EXPECT_EQ(result.state(), v1::SUCCESS) << result.error().message();
}

TEST_F(RunnerTest, WhatCannotStartSaysWhy) {
  {
    Worker worker(folder);
    const v1::Result result = worker.Run(
        Assign("scripts.shell.Commands", R"({"interpreter":[],"commands":["/no/such/program"]})"));
    EXPECT_EQ(result.state(), v1::FAILED);
    EXPECT_EQ(result.error().code(), "START_FAILED");
    EXPECT_THAT(result.error().message(), HasSubstr("/no/such/program"));
  }
  {
    Worker worker(folder);
    const v1::Result result = worker.Run(
        Assign("scripts.shell.Commands", R"({"commands":["true"],"inputFiles":{"../x":"y"}})"));
    EXPECT_EQ(result.state(), v1::FAILED);
    EXPECT_THAT(result.error().message(), HasSubstr("../x"));
  }
  Worker worker(folder);
  EXPECT_THAT(worker.Start(Assign("no.Such", "{}")), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(RunnerTest, DockerIsRefusedOrMapped) {
  const std::string config =
      R"({"commands":["echo hi"],"taskRunner":{"type":"scripts.runner.docker.Docker"}})";
  {
    Worker worker(folder);
    const v1::Result result = worker.Run(Assign("scripts.shell.Commands", config));
    EXPECT_EQ(result.state(), v1::FAILED);
    EXPECT_THAT(result.error().message(), HasSubstr("Docker"));
  }
  Runner::Options options;
  options.host.docker_as_process = true;
  Worker worker(folder, options);
  EXPECT_EQ(worker.Run(Assign("scripts.shell.Commands", config)).state(), v1::SUCCESS);
  EXPECT_THAT(worker.heard.Texts(), SizeIs(2));
}

TEST_F(RunnerTest, AWorkspaceIsSharedAndGoesWithItsLease) {
  Worker worker(folder);
  v1::Assign lease;
  *lease.mutable_token() = Token("w");
  lease.mutable_subject()->mutable_workspace()->set_task_run_id("run1");
  ASSERT_THAT(worker.Start(lease), IsOk());
  v1::Assign first = Shell("echo shared > f");
  first.mutable_subject()->mutable_task_run()->set_workspace("run1");
  EXPECT_EQ(worker.Run(first).state(), v1::SUCCESS);
  worker.On([&] { worker.runner->Release(Token("a")); });
  v1::Assign second = Shell("cat f", "b");
  second.mutable_subject()->mutable_task_run()->set_workspace("run1");
  ASSERT_THAT(worker.Start(second), IsOk());
  EXPECT_TRUE(worker.heard.WaitForLine("shared"));
  worker.On([&] { worker.runner->Stop(Token("w"), v1::Stop::SUPERSEDED); });
  for (int i = 0; i < 400 && !std::filesystem::is_empty(folder + "/workspaces"); ++i)
    ::usleep(25'000);
  EXPECT_TRUE(std::filesystem::is_empty(folder + "/workspaces"));
}

TEST_F(RunnerTest, ConcatJoinsFilesWithASeparatorAfterEach) {
  Worker::files().Put("kestra:///x/1", "one");
  Worker::files().Put("kestra:///x/2", "");
  Worker::files().Put("kestra:///x/3", "three");
  Worker worker(folder);
  const v1::Result result = worker.Run(Assign("storage.Concat", R"({"files":
      "[\"kestra:///x/1\",\"kestra:///x/2\",\"kestra:///x/3\"]","separator":"\n","extension":".csv"})"));
  EXPECT_EQ(result.state(), v1::SUCCESS) << result.DebugString();
  EXPECT_EQ(result.outputs().utf8(), R"({"uri":"kestra:///a/concat.csv"})");
  EXPECT_EQ(Worker::files().Get("kestra:///a/concat.csv"), "one\n\nthree\n");
}

TEST_F(RunnerTest, ConcatRefusesWhatIsNoAddress) {
  Worker worker(folder);
  const v1::Result result = worker.Run(Assign("storage.Concat", R"({"files":["/etc/passwd"]})"));
  EXPECT_EQ(result.state(), v1::FAILED);
  EXPECT_THAT(result.error().message(), HasSubstr("kestra://"));
}

TEST_F(RunnerTest, ATaskIsStoppedAndTimesOut) {
  {
    Worker worker(folder);
    ASSERT_THAT(worker.Start(Assign("test.Waits", "{}")), IsOk());
    ASSERT_TRUE(worker.heard.WaitForLine("waiting"));
    worker.On([&] { worker.runner->Stop(Token("a"), v1::Stop::KILLED_BY_USER); });
    EXPECT_EQ(worker.heard.WaitForResult().state(), v1::KILLED);
  }
  Worker worker(folder);
  v1::Assign assign = Assign("test.Waits", "{}");
  assign.mutable_timeout()->set_micros(200'000);
  const v1::Result result = worker.Run(assign);
  EXPECT_EQ(result.state(), v1::FAILED);
  EXPECT_EQ(result.error().message(), "Timeout after PT0.2S");
}

TEST_F(RunnerTest, AnExceptionOfATaskIsAFailureWithoutSecrets) {
  Worker worker(folder);
  v1::Assign assign = Assign("test.Fails", "{}");
  assign.add_secrets("hunter2");
  const v1::Result result = worker.Run(assign);
  EXPECT_EQ(result.state(), v1::FAILED);
  EXPECT_THAT(result.error().message(), HasSubstr("secret is ******"));
}

TEST_F(RunnerTest, OutputFilesThatCannotBeStoredFailTheTask) {
  Worker worker(folder);
  Worker::files().SetDown(true);
  const v1::Result result = worker.Run(Assign(
      "scripts.shell.Commands", R"({"commands":["echo x > a.txt"],"outputFiles":["*.txt"]})"));
  Worker::files().SetDown(false);
  EXPECT_EQ(result.state(), v1::FAILED);
  EXPECT_EQ(result.error().code(), "OUTPUT_FILES");
}

// The worker that is killed: starts one script and waits to die.
int RunChild(const std::string& folder, const std::string& command) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  Worker worker(folder);
  ORCH_EXPECT_OK(worker.Start(Shell(command)));
  while (true) ::pause();
}

}  // namespace
}  // namespace orch::worker

int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  orch::worker::self_path = std::filesystem::canonical("/proc/self/exe");
  std::string child;
  std::string command;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (flag.starts_with("--shim=")) {
      orch::worker::shim_path = std::filesystem::absolute(flag.substr(7));
    } else if (flag.starts_with("--child=")) {
      child = flag.substr(8);
    } else if (flag.starts_with("--command=")) {
      command = flag.substr(10);
    }
  }
  if (!child.empty()) return orch::worker::RunChild(child, command);
  return RUN_ALL_TESTS();
}
