#include "cli/output/execution_tree.h"

#include <memory>
#include <string>

#include "cli/command/follow.h"
#include "cli/command/server.h"
#include "cli/command/verbs.h"
#include "cli/exit_code.h"

namespace orch::cli {
namespace {

struct Options {
  ServerOptions server;
  std::string id;
  bool follow = false;
};

int Tree(const Options& options, const Session& session) {
  const auto server = options.server.Open();
  if (!server.ok()) return session.Finish(server.status());
  if (options.follow) {
    DetachOnInterrupt();
    const auto end = FollowToEnd(*server, options.id, session, {.show = true});
    if (!end.ok()) return session.Finish(end.status());
    if (options.server.json()) session.console.Out(end->json + "\n");
    return ExitCodeOfState(end->view.state, false);
  }
  const auto look = LookAt(*server, options.id);
  if (!look.ok()) return session.Finish(look.status());
  if (options.server.json()) {
    session.console.Out(look->json + (look->json.ends_with('\n') ? "" : "\n"));
    return kOk;
  }
  const TreeOptions tree{.colors = session.console.options().out_colors, .width = 1000};
  for (const std::string& line : TreeLines(look->view, session.clock.Now(), tree)) {
    session.console.Out(line + "\n");
  }
  return kOk;
}

}  // namespace

void AddExecutionTree(Verb noun, const Session& session) {
  auto options = std::make_shared<Options>();
  Verb verb = noun.Add("tree", "Shows the runs of an execution as a tree.");
  verb.Positional("ID", &options->id, "Its id.", Need::kRequired)
      .Flag("-f,--follow", &options->follow, "Go on until it ends; the exit code tells the state.");
  options->server.AddTo(verb);
  verb.Run([options, session] { return Tree(*options, session); });
}

}  // namespace orch::cli
