#include <memory>
#include <string>

#include "cli/command/server.h"
#include "cli/command/verbs.h"
#include "cli/exit_code.h"
#include "cli/output/json.h"
#include "expression/json.h"
#include "orch/v1/kv_service.pb.h"

namespace orch::cli {
namespace {

struct Options {
  ServerOptions server;
  std::string namespace_, key;
};

int Get(const Options& options, const Session& session) {
  const auto server = options.server.Open();
  if (!server.ok()) return session.Finish(server.status());
  v1::GetKvRequest request;
  request.set_tenant(options.server.tenant);
  request.set_namespace_(options.namespace_);
  request.set_key(options.key);
  v1::KvValue value;
  const absl::Status status = server->rpc->Call("KvService/GetKv", request, &value);
  if (!status.ok()) return session.Finish(status);
  if (options.server.json()) {
    session.console.Out(JsonLine(value));
    return kOk;
  }
  // A text without its quotes, so that it can be used as it is; anything else as JSON.
  const auto json = expression::ParseJson(value.value().utf8());
  session.console.Out((json.ok() && json->is_string() ? json->AsString() : value.value().utf8()) +
                      "\n");
  return kOk;
}

}  // namespace

void AddKvGet(Verb noun, const Session& session) {
  auto options = std::make_shared<Options>();
  Verb verb = noun.Add("get", "Prints the value of a key.");
  verb.Positional("NAMESPACE", &options->namespace_, "The namespace.", Need::kRequired)
      .Positional("KEY", &options->key, "The key.", Need::kRequired);
  options->server.AddTo(verb);
  verb.Run([options, session] { return Get(*options, session); });
}

}  // namespace orch::cli
