#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "cli/command/server.h"
#include "cli/command/verbs.h"
#include "cli/exit_code.h"
#include "orch/v1/kv_service.pb.h"

namespace orch::cli {
namespace {

struct Options {
  ServerOptions server;
  std::string namespace_, key;
};

int Delete(const Options& options, const Session& session) {
  const auto server = options.server.Open();
  if (!server.ok()) return session.Finish(server.status());
  v1::DeleteKvRequest request;
  request.set_tenant(options.server.tenant);
  request.set_namespace_(options.namespace_);
  request.set_key(options.key);
  v1::DeletedKv answer;
  const absl::Status status = server->rpc->Call("KvService/DeleteKv", request, &answer);
  if (!status.ok()) return session.Finish(status);
  if (!answer.deleted()) {
    return session.Finish(absl::NotFoundError(
        absl::StrCat("namespace ", options.namespace_, " has no key '", options.key, "'")));
  }
  return kOk;
}

}  // namespace

void AddKvDelete(Verb noun, const Session& session) {
  auto options = std::make_shared<Options>();
  Verb verb = noun.Add("delete", "Deletes a key.");
  verb.Positional("NAMESPACE", &options->namespace_, "The namespace.", Need::kRequired)
      .Positional("KEY", &options->key, "The key.", Need::kRequired);
  options->server.AddTo(verb);
  verb.Run([options, session] { return Delete(*options, session); });
}

}  // namespace orch::cli
