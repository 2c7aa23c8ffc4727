// The `orch` program.

#include <csignal>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "cli/command/arguments.h"
#include "cli/command/verbs.h"
#include "cli/dev/verbs.h"
#include "cli/output/console.h"

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // A reader that has gone is an error of the write, not an end.
  std::vector<std::string> line(argv + 1, argv + argc);
  // `orch help flow validate` is `orch flow validate --help`.
  if (!line.empty() && line.front() == "help") {
    line.erase(line.begin());
    line.push_back("--help");
  }

  orch::cli::Console console(orch::cli::Console::ForProcess());
  orch::RealClock clock;
  orch::SystemRandom random;
  const orch::cli::Session session{console, clock, random};

  orch::cli::Arguments arguments("orch", "Runs data workflows: flows in YAML, a server, workers.");
  orch::cli::Verb root = arguments.root();
  orch::cli::AddServing(root, session);
  orch::cli::AddVerbs(root, session);
  root.Add("help", "Says what a word does: orch help flow validate.");
  root.Footer("`--help` after any word tells more.");
  return arguments.Run(line, console);
}
