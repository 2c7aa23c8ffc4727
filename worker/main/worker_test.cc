// The worker whole: over a real gRPC stream, and as a process that is killed.
#include "worker/main/worker.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "worker/link/fake_control_plane.h"
#include "worker/tasks/builtin.h"

extern char** environ;

namespace orch::worker {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

std::string worker_path;
std::string shim_path;

v1::ControlMessage Assign(const std::string& attempt, const std::string& command) {
  v1::ControlMessage message;
  v1::Assign& assign = *message.mutable_assignments()->add_assigns();
  assign.mutable_token()->set_attempt(attempt);
  assign.mutable_token()->set_fence(1);
  assign.mutable_subject()->mutable_task_run()->set_task_run_id(attempt);
  assign.set_type("scripts.shell.Commands");
  assign.mutable_config()->set_utf8("{\"commands\":[\"" + command + "\"]}");
  return message;
}

bool HasResults(const v1::WorkerMessage& message) { return message.has_results(); }
bool HasHello(const v1::WorkerMessage& message) { return message.has_hello(); }

class WorkerTest : public testing::Test {
 protected:
  WorkerTest() {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    options.channel.server = plane.address();
    options.data = folder + "/data";
    options.shim = shim_path;
    options.labels = {{"zone", "edge"}};
  }

  void AckAll(const v1::WorkerMessage& results) {
    v1::ControlMessage message;
    for (const v1::Result& result : results.results().results()) {
      v1::Ack& ack = *message.mutable_acks()->add_acks();
      *ack.mutable_token() = result.token();
      ack.set_word(v1::Ack::ACCEPTED);
    }
    plane.Say(message);
  }

  // The program, and its exit code.
  pid_t Spawn(std::vector<std::string> args, const std::string& stderr_path = "/dev/null") {
    args.insert(args.begin(), worker_path);
    std::vector<char*> argv;
    for (std::string& arg : args) argv.push_back(arg.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 2, stderr_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC,
                                     0600);
    pid_t pid = 0;
    EXPECT_EQ(::posix_spawn(&pid, worker_path.c_str(), &actions, nullptr, argv.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    return pid;
  }
  pid_t SpawnWorker() {
    return Spawn(
        {"--server", plane.address(), "--data", options.data, "--shim", shim_path, "--slots", "3"});
  }
  int Wait(pid_t pid) {
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  std::string Text(const std::string& path) {
    std::ifstream in(path);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
  }

  const std::string folder = testing::TempDir() + "/worker_" +
                             testing::UnitTest::GetInstance()->current_test_info()->name();
  FakeControlPlane plane{testing::TempDir() + "/w" + std::to_string(::getpid()) + ".sock"};
  WorkerOptions options;
};

TEST_F(WorkerTest, SaysHelloRunsAndReports) {
  ORCH_ASSERT_OK_AND_ASSIGN(auto worker, EmbeddedWorker::Start(options, BuiltinTypes()));
  const v1::WorkerMessage hello = plane.WaitFor(HasHello);
  std::vector<std::string> types;
  for (const v1::TypeOffer& type : hello.hello().types()) types.push_back(type.type());
  EXPECT_THAT(types, Contains("scripts.shell.Commands"));
  EXPECT_THAT(types, Contains("storage.Concat"));
  EXPECT_EQ(hello.hello().labels(0).value(), "edge");
  plane.WaitFor([](const auto& m) { return m.has_credit(); });
  plane.Say(Assign("a/1", "echo hi"));
  const v1::WorkerMessage results = plane.WaitFor(HasResults);
  ASSERT_EQ(results.results().results_size(), 1);
  EXPECT_EQ(results.results().results(0).state(), v1::SUCCESS);
  EXPECT_EQ(results.results().results(0).line_count(), 1);
  AckAll(results);
  worker->Drain("test");
  plane.WaitFor([](const auto& m) { return m.has_draining(); });
  const auto ended = worker->WaitUntilEnded(absl::Seconds(30));
  ASSERT_TRUE(ended.has_value());
  ORCH_EXPECT_OK(*ended);
}

TEST_F(WorkerTest, AFileThatAScriptMadeIsUploaded) {
  ORCH_ASSERT_OK_AND_ASSIGN(auto worker, EmbeddedWorker::Start(options, BuiltinTypes()));
  plane.WaitFor([](const auto& m) { return m.has_credit(); });
  v1::ControlMessage message = Assign("a/1", "echo content > out.txt");
  message.mutable_assignments()->mutable_assigns(0)->mutable_config()->set_utf8(
      R"({"commands":["echo content > out.txt"],"outputFiles":["*.txt"]})");
  plane.Say(message);
  const v1::WorkerMessage results = plane.WaitFor(HasResults);
  EXPECT_THAT(results.results().results(0).outputs().utf8(),
              HasSubstr("\"out.txt\":\"kestra:///up/"));
  bool found = false;
  for (const auto& [name, bytes] : plane.files()) found = found || bytes == "content\n";
  EXPECT_TRUE(found);
}

TEST_F(WorkerTest, AResultSurvivesAControlPlaneThatIsDown) {
  ORCH_ASSERT_OK_AND_ASSIGN(auto worker, EmbeddedWorker::Start(options, BuiltinTypes()));
  plane.WaitFor([](const auto& m) { return m.has_credit(); });
  plane.Say(Assign("a/1", "while [ ! -e " + folder + "/go ]; do sleep 0.02; done; echo done"));
  for (int i = 0; i < 400 && !std::filesystem::exists(options.data + "/attempts"); ++i)
    ::usleep(25'000);
  ::usleep(200'000);
  plane.GoDown();
  std::ofstream(folder + "/go") << "";
  ::usleep(300'000);
  plane.ComeUp();
  const v1::WorkerMessage hello = plane.WaitFor(HasHello);
  ASSERT_EQ(hello.hello().held_size(), 1);
  const v1::WorkerMessage results = plane.WaitFor(HasResults);
  ASSERT_EQ(results.results().results_size(), 1);
  EXPECT_EQ(results.results().results(0).state(), v1::SUCCESS);
}

TEST_F(WorkerTest, ASecondWorkerOverTheSameFolderIsRefused) {
  ORCH_ASSERT_OK_AND_ASSIGN(auto worker, EmbeddedWorker::Start(options, BuiltinTypes()));
  EXPECT_THAT(
      EmbeddedWorker::Start(options, BuiltinTypes()),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(std::to_string(::getpid()))));
}

TEST_F(WorkerTest, OptionsThatCannotBeAreNamed) {
  options.slots = 0;
  EXPECT_THAT(EmbeddedWorker::Start(options, BuiltinTypes()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--slots")));
  options.slots = 1;
  options.shim = "/no/shim";
  EXPECT_THAT(EmbeddedWorker::Start(options, BuiltinTypes()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("/no/shim")));
}

TEST_F(WorkerTest, AWorkerThatIsKilledGoesOnWithItsScriptWhenItIsBack) {
  const pid_t first = SpawnWorker();
  const std::string worker_id = plane.WaitFor(HasHello).hello().worker_id();
  plane.WaitFor([](const auto& m) { return m.has_credit(); });
  plane.Say(Assign("a/1", "echo one; touch " + folder + "/up; while [ ! -e " + folder +
                              "/go ]; do sleep 0.02; done; echo two"));
  for (int i = 0; i < 400 && !std::filesystem::exists(folder + "/up"); ++i) ::usleep(25'000);
  ::kill(first, SIGKILL);
  Wait(first);
  const pid_t second = SpawnWorker();
  const v1::Hello hello = plane.WaitFor(HasHello).hello();
  EXPECT_EQ(hello.worker_id(), worker_id);
  ASSERT_EQ(hello.held_size(), 1);
  EXPECT_EQ(hello.held(0).token().attempt(), "a/1");
  EXPECT_FALSE(hello.held(0).finished());
  std::ofstream(folder + "/go") << "";
  // Lines come in any messages, from those that were not acknowledged on; a result ends them.
  std::map<int64_t, std::string> lines;
  v1::WorkerMessage results;
  for (int i = 0; i < 50 && (!results.has_results() || lines.size() < 2); ++i) {
    const v1::WorkerMessage message = plane.WaitFor(
        [](const auto& m) { return m.has_results() || m.progress().logs_size() > 0; });
    if (message.has_results()) results = message;
    for (const v1::LogLines& part : message.progress().logs()) {
      for (int k = 0; k < part.lines_size(); ++k)
        lines[part.first_line() + k] = part.lines(k).text();
    }
  }
  EXPECT_EQ(lines, (std::map<int64_t, std::string>{{1, "one"}, {2, "two"}}));
  ASSERT_EQ(results.results().results_size(), 1);
  EXPECT_EQ(results.results().results(0).state(), v1::SUCCESS);
  EXPECT_EQ(results.results().results(0).line_count(), 2);
  AckAll(results);
  v1::ControlMessage log_ack;
  v1::LogAck& through = *log_ack.mutable_log_acks()->add_acks();
  *through.mutable_token() = results.results().results(0).token();
  through.set_through_line(2);
  plane.Say(log_ack);
  ::kill(second, SIGTERM);
  EXPECT_EQ(Wait(second), 0);
}

TEST_F(WorkerTest, AFinishedResultIsToldByTheNextProcess) {
  const pid_t first = SpawnWorker();
  plane.WaitFor([](const auto& m) { return m.has_credit(); });
  plane.Say(Assign("a/1", "true"));
  plane.WaitFor(HasResults);  // Not acknowledged.
  ::kill(first, SIGKILL);
  Wait(first);
  const pid_t second = SpawnWorker();
  const v1::Hello hello = plane.WaitFor(HasHello).hello();
  ASSERT_EQ(hello.held_size(), 1);
  EXPECT_TRUE(hello.held(0).finished());
  AckAll(plane.WaitFor(HasResults));
  ::kill(second, SIGTERM);
  EXPECT_EQ(Wait(second), 0);
}

TEST_F(WorkerTest, ASecondSignalHalts) {
  const pid_t pid = SpawnWorker();
  plane.WaitFor([](const auto& m) { return m.has_credit(); });
  plane.Say(Assign("a/1", "touch " + folder + "/up; sleep 60"));
  for (int i = 0; i < 400 && !std::filesystem::exists(folder + "/up"); ++i) ::usleep(25'000);
  ::kill(pid, SIGTERM);
  plane.WaitFor([](const auto& m) { return m.has_draining(); });
  ::kill(pid, SIGTERM);
  EXPECT_EQ(Wait(pid), 0);
}

TEST_F(WorkerTest, ARefusalEndsTheProgramWithItsText) {
  plane.AnswerHellos(false);
  const std::string log = folder + "/stderr";
  const pid_t pid =
      Spawn({"--server", plane.address(), "--data", options.data, "--shim", shim_path}, log);
  plane.WaitFor(HasHello);
  v1::ControlMessage message;
  message.mutable_refused()->set_code("PROTOCOL_VERSION");
  message.mutable_refused()->set_message("this worker is too old");
  plane.Say(message);
  EXPECT_EQ(Wait(pid), 4);
  EXPECT_THAT(Text(log), HasSubstr("this worker is too old"));
  EXPECT_THAT(Text(log), HasSubstr("without a sandbox"));
}

TEST_F(WorkerTest, AWrongCommandLineIsSaidWithExitCodeTwo) {
  const std::string log = folder + "/stderr";
  EXPECT_EQ(Wait(Spawn({}, log)), 2);
  EXPECT_THAT(Text(log), HasSubstr("--server"));
  EXPECT_EQ(Wait(Spawn({"--server", "nonsense", "--data", options.data, "--shim", shim_path}, log)),
            2);
  EXPECT_THAT(Text(log), HasSubstr("nonsense"));
  EXPECT_EQ(Wait(Spawn({"--server", "h:1", "--label", "x"}, log)), 2);
  EXPECT_EQ(Wait(Spawn({"--server", "h:1", "--offline-for", "soon"}, log)), 2);
}

TEST_F(WorkerTest, AServerThatIsNotThereIsSaidOnceAndWaitedFor) {
  plane.GoDown();
  const std::string log = folder + "/stderr";
  const pid_t pid =
      Spawn({"--server", plane.address(), "--data", options.data, "--shim", shim_path}, log);
  ::usleep(1'500'000);
  plane.ComeUp();
  EXPECT_TRUE(plane.WaitFor(HasHello).has_hello());
  ::kill(pid, SIGTERM);
  EXPECT_EQ(Wait(pid), 0);
  const std::string text = Text(log);
  const size_t first = text.find("cannot be reached");
  ASSERT_NE(first, std::string::npos);
  EXPECT_EQ(text.find("cannot be reached", first + 1), std::string::npos);
}

}  // namespace
}  // namespace orch::worker

int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (flag.starts_with("--worker=")) {
      orch::worker::worker_path = std::filesystem::absolute(flag.substr(9));
    } else if (flag.starts_with("--shim=")) {
      orch::worker::shim_path = std::filesystem::absolute(flag.substr(7));
    }
  }
  return RUN_ALL_TESTS();
}
