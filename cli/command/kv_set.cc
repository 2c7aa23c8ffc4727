#include <iostream>
#include <iterator>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "cli/command/server.h"
#include "cli/command/verbs.h"
#include "cli/exit_code.h"
#include "controlplane/flow/duration.h"
#include "expression/json.h"
#include "orch/v1/kv_service.pb.h"

namespace orch::cli {
namespace {

constexpr size_t kValueBytesMax = 16 * 1024 * 1024;

struct Options {
  ServerOptions server;
  std::string namespace_, key, value, file, type = "auto", ttl, description;
  bool from_stdin = false;
};

// What the server is sent: JSON as it is, anything else as a text in quotes. Instants, dates and
// durations go bare: the server knows them by their form.
std::string Body(const std::string& value, const std::string& type) {
  if (type == "string") return expression::ToJson(expression::Value::String(value));
  if (type == "json" || expression::ParseJson(value).ok()) return value;
  if (flow::ParseDuration(value)) return value;
  absl::Time time;
  absl::CivilDay day;
  std::string error;
  if (absl::ParseTime(absl::RFC3339_full, value, &time, &error) ||
      absl::ParseCivilTime(value, &day)) {
    return value;
  }
  return expression::ToJson(expression::Value::String(value));
}

int Set(const Options& options, const Session& session) {
  const int given = (options.value.empty() ? 0 : 1) + (options.file.empty() ? 0 : 1) +
                    (options.from_stdin ? 1 : 0);
  if (given > 1) {
    return session.Finish(UsageError("give VALUE, --value-file or --value-stdin, one of them"));
  }
  std::string value = options.value;
  if (!options.file.empty()) {
    auto text = ReadFile(options.file, kValueBytesMax);
    if (!text.ok()) return session.Finish(WithExitCode(text.status(), kUsage));
    value = *std::move(text);
  } else if (options.from_stdin) {
    value.assign(std::istreambuf_iterator<char>(std::cin), {});
  }
  v1::PutKvRequest request;
  request.set_tenant(options.server.tenant);
  request.set_namespace_(options.namespace_);
  request.set_key(options.key);
  request.set_value(Body(value, options.type));
  request.set_description(options.description);
  if (!options.ttl.empty()) {
    absl::Duration ttl;
    if (const auto iso = flow::ParseDuration(options.ttl)) {
      ttl = *iso;
    } else if (!absl::ParseDuration(options.ttl, &ttl)) {
      return session.Finish(
          UsageError("--ttl takes a duration, as 1h or PT1H, not " + options.ttl));
    }
    request.mutable_ttl()->set_micros(absl::ToInt64Microseconds(ttl));
  }
  const auto server = options.server.Open();
  if (!server.ok()) return session.Finish(server.status());
  v1::NoContent nothing;
  return session.Finish(server->rpc->Call("KvService/PutKv", request, &nothing));
}

}  // namespace

void AddKvSet(Verb noun, const Session& session) {
  auto options = std::make_shared<Options>();
  Verb verb = noun.Add("set", "Sets the value of a key.");
  verb.Positional("NAMESPACE", &options->namespace_, "The namespace.", Need::kRequired)
      .Positional("KEY", &options->key, "The key.", Need::kRequired)
      .Positional("VALUE", &options->value, "JSON, or a text.", Need::kOptional)
      .Option("--value-file", &options->file, "FILE", "Read the value from a file.")
      .Flag("--value-stdin", &options->from_stdin, "Read the value from stdin.")
      .Choice("--type", &options->type, {"auto", "string", "json"},
              "Keep the value as a text, or as JSON, whatever it looks like.")
      .Option("--ttl", &options->ttl, "DURATION", "Forget it after so long.")
      .Option("--description", &options->description, "TEXT", "What it is for.");
  options->server.AddTo(verb);
  verb.Run([options, session] { return Set(*options, session); });
}

}  // namespace orch::cli
