#include "worker/tasks/concat.h"

#include <fstream>
#include <optional>

#include "absl/strings/str_format.h"
#include "base/status_macros.h"
#include "worker/runner/errors.h"
#include "worker/runner/json.h"

namespace orch::worker {
namespace {

struct Config {
  std::vector<std::string> files;
  std::string separator;
  std::string extension = ".tmp";
};

absl::StatusOr<Config> ReadConfig(const std::string& json) {
  Config config;
  ORCH_ASSIGN_OR_RETURN(const std::vector<JsonMember> members, ReadJsonObject(json));
  const std::string* files = FindMember(members, "files");
  if (files == nullptr || *files == "null") return BadProperty("files", "is missing");
  const auto items = ReadJsonList(StringText(*files).value_or(*files));
  if (!items.ok()) return BadProperty("files", "must be a list of addresses");
  for (const std::string& item : *items) {
    const std::optional<std::string> uri = StringText(item);
    if (!uri.has_value() || !uri->starts_with("kestra://")) {
      return BadProperty(
          "files",
          absl::StrFormat("%s is no address of the storage; it must begin with kestra://", item));
    }
    config.files.push_back(*uri);
  }
  if (const std::string* separator = FindMember(members, "separator")) {
    config.separator = ScalarText(*separator).value_or("");
  }
  if (const std::string* extension = FindMember(members, "extension")) {
    config.extension = ScalarText(*extension).value_or(".tmp");
  }
  if (config.extension.find('/') != std::string::npos) {
    return BadProperty("extension", "must not hold a '/'");
  }
  return config;
}

class Concat final : public sdk::Task {
 public:
  absl::StatusOr<sdk::TaskResult> Run(sdk::TaskContext& context) override {
    ORCH_ASSIGN_OR_RETURN(const Config config, ReadConfig(context.config()));
    ORCH_ASSIGN_OR_RETURN(const std::string folder, context.WorkingFolder());
    const std::string whole = folder + "/whole" + config.extension;
    const std::string part = folder + "/part";
    std::ofstream out(whole, std::ios::binary);
    for (const std::string& uri : config.files) {
      if (context.stopped()) return absl::CancelledError("stopped");
      ORCH_RETURN_IF_ERROR(context.Download(uri, part));
      std::ifstream in(part, std::ios::binary);
      // An empty file must not be streamed: that would count as a failure of `out`.
      if (in.peek() != std::ifstream::traits_type::eof()) out << in.rdbuf();
      out << config.separator;
    }
    out.close();
    if (!out) return absl::ResourceExhaustedError("the joined file could not be written");
    ORCH_ASSIGN_OR_RETURN(const std::string uri,
                          context.Upload(whole, "concat" + config.extension));
    return sdk::TaskResult{.outputs = "{\"uri\":" + JsonString(uri) + "}"};
  }
};

}  // namespace

sdk::TaskType ConcatType() {
  sdk::TaskType type;
  type.type = "storage.Concat";
  type.make = [] { return std::make_unique<Concat>(); };
  return type;
}

}  // namespace orch::worker
