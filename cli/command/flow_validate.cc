#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "cli/command/verbs.h"
#include "cli/exit_code.h"
#include "cli/offline/sources.h"
#include "cli/offline/validation.h"
#include "expression/json.h"

namespace orch::cli {
namespace {

constexpr size_t kCatalogBytesMax = 64 * 1024 * 1024;

struct Options {
  std::vector<std::string> paths;
  std::vector<std::string> catalogs;
  std::string output = "table";
  bool strict = false;
};

// Adds the types of a file that holds one schema or a list of them.
absl::Status AddCatalog(const std::string& path, flow::TaskTypes* types) {
  auto text = ReadFile(path, kCatalogBytesMax);
  if (!text.ok()) return WithExitCode(text.status(), kUsage);
  const auto json = expression::ParseJson(*text);
  if (!json.ok()) return UsageError(absl::StrCat(path, ": ", std::string(json.status().message())));
  const std::vector<expression::Value> one = {*json};
  for (const expression::Value& schema : json->is_list() ? json->items() : one) {
    const absl::Status added =
        types->Add(expression::ToJson(schema, expression::NullPolicy::kKeep));
    if (!added.ok()) return UsageError(absl::StrCat(path, ": ", std::string(added.message())));
  }
  return absl::OkStatus();
}

int Validate(const Options& options, const Session& session) {
  const auto sources = GatherSources(options.paths);
  if (!sources.ok()) return session.Finish(sources.status());
  auto types = flow::TaskTypes::BuiltIn();
  if (!types.ok()) return session.Finish(types.status());
  for (const std::string& catalog : options.catalogs) {
    const absl::Status status = AddCatalog(catalog, &*types);
    if (!status.ok()) return session.Finish(status);
  }
  std::vector<Checked> all;
  int refused = 0;
  std::string text;
  const bool json = options.output == "json";
  for (const Source& source : *sources) {
    for (Checked& checked : Check(source, *types, {}, options.strict)) {
      refused += checked.accepted ? 0 : 1;
      if (!json) {
        text += Excerpts(checked, source.text, session.console.options().out_colors);
        if (checked.accepted) {
          absl::StrAppend(&text, checked.source, ": ", Visible(checked.namespace_), ".",
                          Visible(checked.id), " is accepted\n");
        }
      }
      all.push_back(std::move(checked));
    }
  }
  session.console.Out(json ? ResultsJson(all, options.strict) : text);
  if (refused > 0 && !json) {
    session.console.Say(absl::StrCat(refused, " of ", all.size(), " refused"));
  }
  return refused > 0 ? kValidation : kOk;
}

}  // namespace

void AddFlowValidate(Verb noun, const Session& session) {
  auto options = std::make_shared<Options>();
  Verb verb = noun.Add("validate", "Says what is wrong with flows. Needs no server.");
  verb.Positionals("FILE", &options->paths, "Files, folders, patterns, or - for stdin.",
                   Need::kRequired)
      .Flag("--strict", &options->strict, "Refuse what draws a warning, too.")
      .Options("--catalog", &options->catalogs, "FILE", "Schemas of task types that plugins bring.")
      .Choice("-o,--output", &options->output, {"table", "json"},
              "Form of what is printed; json is that of the REST API.")
      .Footer("Exit: 0 all accepted, 6 some refused, 2 a file cannot be read.");
  verb.Run([options, session] { return Validate(*options, session); });
}

}  // namespace orch::cli
