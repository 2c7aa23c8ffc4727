// Golden flows: a script of events in, a readable transcript out.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "controlplane/engine/world.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace orch::engine {
namespace {

namespace fs = std::filesystem;
bool update_golden = false;

std::string ReadFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// What one step changed, a line for each thing.
std::string Tell(const World& world, const Step& step) {
  std::string text;
  const v1::Changes& changes = step.record.changes();
  for (const v1::TaskRun& run : changes.runs()) {
    absl::StrAppend(&text, "    ", RunId("", run.number()).substr(1), " ", world.NameOf(run), ": ",
                    World::History(run));
    if (run.attempt_count() > 1) absl::StrAppend(&text, ", attempt ", run.attempt_count());
    if (run.sealed()) {
      absl::StrAppend(&text, ", sealed");
    } else if (run.has_outputs()) {
      absl::StrAppend(&text, ", ", run.outputs().utf8());
    }
    if (run.state() == v1::FAILED && !run.error().empty())
      absl::StrAppend(&text, ", ", run.error());
    absl::StrAppend(&text, "\n");
  }
  for (const v1::EngineLog& log : changes.logs()) {
    const v1::TaskRun* run = world.execution().FindRun(log.run());
    for (const v1::EngineLogLine& line : log.lines()) {
      absl::StrAppend(&text, "    | ", run == nullptr ? "execution" : world.NameOf(*run), " ",
                      v1::LogLevel_Name(line.level()), " ", line.text(), "\n");
    }
  }
  for (const Effect& effect : step.effects) {
    if (const auto* offer = std::get_if<OfferRun>(&effect)) {
      absl::StrAppend(&text, "    > offer ", world.NameOf(*world.execution().FindRun(offer->run)),
                      " to ", offer->queue, "\n");
    } else if (const auto* stop = std::get_if<StopAttempt>(&effect)) {
      absl::StrAppend(&text, "    > stop ", world.NameOf(*world.execution().FindRun(stop->run)),
                      " attempt ", stop->attempt, "\n");
    } else if (const auto* withdraw = std::get_if<WithdrawRun>(&effect)) {
      absl::StrAppend(&text, "    > withdraw ",
                      world.NameOf(*world.execution().FindRun(withdraw->run)), "\n");
    }
  }
  for (const v1::Timer& timer : changes.timers()) {
    absl::StrAppend(&text, "    > timer ", v1::Timer::Kind_Name(timer.kind()), " in ",
                    (timer.due_micros() - step.record.now_micros()) / 1'000'000, " s\n");
  }
  if (!step.changed) absl::StrAppend(&text, "    nothing changed\n");
  return text;
}

void Play(World& world, const std::string& line) {
  std::istringstream words(line);
  std::string verb, run, rest;
  words >> verb;
  if (verb == "create") {
    std::getline(words >> std::ws, rest);
    world.Create(rest);
    return;
  }
  if (verb == "kill") return static_cast<void>(world.Kill());
  if (verb == "work") return world.WorkAll();
  words >> run;
  std::getline(words >> std::ws, rest);
  if (verb == "wait") {
    int seconds = 0;
    ASSERT_TRUE(absl::SimpleAtoi(run, &seconds)) << line;
    world.Wait(absl::Seconds(seconds));
  } else if (verb == "lease") {
    world.Lease(run);
  } else if (verb == "succeed") {
    world.Succeed(run, rest);
  } else if (verb == "warn") {
    world.End(run, v1::WARNING);
  } else if (verb == "fail") {
    world.Fail(run, rest.empty() ? "boom" : rest);
  } else if (verb == "expire") {
    world.Expire(run);
  } else if (verb == "return") {
    world.Return(run, false);
  } else if (verb == "stopped") {
    world.Confirm(run);
  } else {
    FAIL() << "no such verb: " << line;
  }
}

std::string Transcript(const fs::path& flow, const fs::path& script) {
  World world(ReadFile(flow));
  std::string text;
  std::istringstream lines(ReadFile(script));
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#') continue;
    const size_t before = world.steps().size();
    Play(world, line);
    absl::StrAppend(&text, line, "\n");
    for (size_t i = before; i < world.steps().size(); ++i) {
      absl::StrAppend(&text, Tell(world, world.steps()[i]));
    }
    absl::StrAppend(&text, "  = ", world.History(), ", ", world.run_count(), " runs\n");
  }
  const v1::ExecutionPayload& payload = world.execution().payload();
  if (payload.has_outputs()) absl::StrAppend(&text, "outputs ", payload.outputs().utf8(), "\n");
  for (const v1::Label& label : payload.labels()) {
    absl::StrAppend(&text, "label ", label.key(), "=", label.value(), "\n");
  }
  return text;
}

TEST(Golden, EveryScriptGivesItsTranscript) {
  // Bazel tells where the sources are when it runs us to update them.
  const char* workspace = std::getenv("BUILD_WORKSPACE_DIRECTORY");
  const fs::path folder =
      workspace == nullptr ? fs::path("tests/golden") : fs::path(workspace) / "tests/golden";
  std::vector<fs::path> scripts;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".script") scripts.push_back(entry.path());
  }
  std::sort(scripts.begin(), scripts.end());
  ASSERT_FALSE(scripts.empty());
  for (const fs::path& script : scripts) {
    SCOPED_TRACE(script.stem().string());
    fs::path flow = script, golden = script;
    flow.replace_extension(".flow");
    golden.replace_extension(".transcript");
    const std::string transcript = Transcript(flow, script);
    if (update_golden) {
      std::ofstream(golden, std::ios::binary) << transcript;
    } else {
      EXPECT_EQ(transcript, ReadFile(golden));
    }
  }
}

}  // namespace
}  // namespace orch::engine

int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--update_golden") orch::engine::update_golden = true;
  }
  return RUN_ALL_TESTS();
}
