#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "cli/command/server.h"
#include "cli/command/verbs.h"
#include "cli/exit_code.h"
#include "cli/output/json.h"
#include "cli/output/table.h"
#include "orch/v1/kv_service.pb.h"

namespace orch::cli {
namespace {

struct Options {
  ServerOptions server;
  std::string namespace_;
};

int List(const Options& options, const Session& session) {
  const auto server = options.server.Open();
  if (!server.ok()) return session.Finish(server.status());
  v1::ListKvRequest request;
  request.set_tenant(options.server.tenant);
  request.set_namespace_(options.namespace_);
  v1::KvList list;
  const absl::Status status = server->rpc->Call("KvService/ListKv", request, &list);
  if (!status.ok()) return session.Finish(status);
  if (options.server.json()) {
    session.console.Out(JsonArrayLine(list, "entries"));
    return kOk;
  }
  const auto when = [](const v1::Instant& instant) {
    return absl::FormatTime("%Y-%m-%d %H:%M:%S", absl::FromUnixMicros(instant.micros()),
                            absl::LocalTimeZone());
  };
  Table table({"KEY", "REVISION", "UPDATED", "EXPIRES", "DESCRIPTION"});
  for (const v1::KvEntry& entry : list.entries()) {
    table.Add({entry.key(), absl::StrCat(entry.revision()), when(entry.update_date()),
               entry.has_expiration_date() ? when(entry.expiration_date()) : "",
               entry.description()});
  }
  session.console.Out(table.Draw(session.console.options().out_colors));
  return kOk;
}

}  // namespace

void AddKvList(Verb noun, const Session& session) {
  auto options = std::make_shared<Options>();
  Verb verb = noun.Add("list", "Lists the entries of a namespace.");
  verb.Positional("NAMESPACE", &options->namespace_, "The namespace.", Need::kRequired);
  options->server.AddTo(verb);
  verb.Run([options, session] { return List(*options, session); });
}

}  // namespace orch::cli
