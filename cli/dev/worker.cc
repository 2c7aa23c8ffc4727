#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/dev/beside.h"
#include "cli/dev/verbs.h"
#include "cli/exit_code.h"

namespace orch::cli {
namespace {

// Becomes the worker. Returns only if that cannot be.
int Become(const std::vector<std::string>& line, const Session& session) {
  const std::string path = Beside("orch-worker");
  std::vector<std::string> words = {path};
  words.insert(words.end(), line.begin(), line.end());
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  execv(path.c_str(), arguments.data());
  return session.Finish(absl::FailedPreconditionError(absl::StrCat(
      "cannot run ", path, ": ", std::strerror(errno), "; it belongs beside this program")));
}

}  // namespace

void AddWorker(Verb root, const Session& session) {
  auto line = std::make_shared<std::vector<std::string>>();
  Verb verb = root.Add("worker", "Runs a worker: orch worker --server HOST:PORT (gRPC address).");
  verb.Rest(line.get());
  verb.Run([line, session] { return Become(*line, session); });
}

}  // namespace orch::cli
