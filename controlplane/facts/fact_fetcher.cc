#include "controlplane/facts/fact_fetcher.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace orch::facts {

using expression::Fact;
using expression::Value;

namespace {
constexpr int64_t kFileBytesMax = 1 << 20;
constexpr size_t kErrorLogCountMax = 25;
}  // namespace

void FactFetcher::Fetch(const FactPlace& place, const std::vector<Fact>& facts,
                        std::function<void(std::vector<absl::StatusOr<Value>>)> done) {
  const absl::Status queued = pool_.Run([this, place, facts, done] {
    std::vector<absl::StatusOr<Value>> answers;
    for (const Fact& fact : facts) answers.push_back(FetchOne(place, fact));
    done(std::move(answers));
  });
  if (queued.ok()) return;
  done(std::vector<absl::StatusOr<Value>>(facts.size(), queued));
}

absl::StatusOr<Value> FactFetcher::FetchOne(const FactPlace& place, const Fact& fact) {
  if (fact.function == "kv") return Kv(place, fact);
  if (fact.function == "secret") {
    if (fact.arguments.empty() || !fact.arguments[0].is_string()) {
      return absl::InvalidArgumentError("secret() needs the name of a secret as text");
    }
    ORCH_ASSIGN_OR_RETURN(std::string value, secrets_.Get(fact.arguments[0].AsString()));
    return Value::String(std::move(value));
  }
  if (fact.function == "read" || fact.function == "fileSize" || fact.function == "fileExists" ||
      fact.function == "isFileEmpty") {
    return File(place, fact);
  }
  if (fact.function == "errorLogs") return ErrorLogs(place);
  return absl::UnimplementedError(
      absl::StrCat("this release cannot fetch what ", fact.function,
                   "() asks for; compute it in a task and pass it on as an output"));
}

absl::StatusOr<Value> FactFetcher::Kv(const FactPlace& place, const Fact& fact) {
  if (fact.arguments.empty() || !fact.arguments[0].is_string()) {
    return absl::InvalidArgumentError("kv() needs a key as text");
  }
  const std::string& key = fact.arguments[0].AsString();
  const bool named = fact.arguments.size() > 1 && fact.arguments[1].is_string();
  const std::string& ns = named ? fact.arguments[1].AsString() : place.namespace_;
  const bool inherit =
      fact.arguments.size() > 2 && fact.arguments[2].is_bool() && fact.arguments[2].AsBool();
  std::optional<catalog::KvEntry> entry;
  if (inherit) {
    ORCH_ASSIGN_OR_RETURN(entry, keys_.GetInherited(place.tenant, ns, key));
  } else {
    ORCH_ASSIGN_OR_RETURN(entry, keys_.Get(place.tenant, ns, key));
  }
  if (!entry.has_value()) {
    return absl::NotFoundError(
        absl::StrCat("The key '", key, "' does not exist in the namespace '", ns, "'"));
  }
  return catalog::KvPlain(entry->value);
}

absl::StatusOr<Value> FactFetcher::File(const FactPlace& place, const Fact& fact) {
  if (fact.arguments.empty() || !fact.arguments[0].is_string()) {
    return absl::InvalidArgumentError(
        absl::StrCat(fact.function, "() needs the address of a file as text"));
  }
  const std::string& path = fact.arguments[0].AsString();
  if (path.compare(0, 9, "kestra://") != 0) {
    return absl::UnimplementedError(
        absl::StrCat("this release keeps no namespace files: '", path,
                     "' is none of an execution's files (kestra:///…)"));
  }
  ORCH_ASSIGN_OR_RETURN(const storage::FileUri uri, storage::FileUri::Parse(path));
  const absl::StatusOr<storage::FileInfo> info = files_.Stat(place.tenant, uri);
  if (fact.function == "fileExists") {
    if (!info.ok() && info.status().code() != absl::StatusCode::kNotFound) return info.status();
    return Value::Bool(info.ok());
  }
  if (!info.ok()) return info.status();
  if (fact.function == "fileSize") return Value::Long(info->size);
  if (fact.function == "isFileEmpty") return Value::Bool(info->size == 0);
  if (info->size > kFileBytesMax) {
    return absl::ResourceExhaustedError(
        absl::StrCat("'", path, "' has ", info->size,
                     " bytes; read() takes at most 1 MiB: give the file to a task instead"));
  }
  ORCH_ASSIGN_OR_RETURN(const auto source, files_.Open(place.tenant, uri));
  std::string text(static_cast<size_t>(info->size), '\0');
  size_t size = 0;
  while (size < text.size()) {
    ORCH_ASSIGN_OR_RETURN(const size_t got, source->Read(text.data() + size, text.size() - size));
    if (got == 0) break;
    size += got;
  }
  text.resize(size);
  return Value::String(std::move(text));
}

// The execution's ERROR lines that the engine wrote, oldest first.
absl::StatusOr<Value> FactFetcher::ErrorLogs(const FactPlace& place) {
  ORCH_ASSIGN_OR_RETURN(const std::vector<store::v1::EngineLog> logs,
                        store_.ListEngineLogs(place.execution_id));
  std::vector<Value> entries;
  for (const store::v1::EngineLog& log : logs) {
    for (const store::v1::EngineLogLine& line : log.lines()) {
      if (line.level() != store::v1::ERROR || entries.size() >= kErrorLogCountMax) continue;
      entries.push_back(expression::MapBuilder()
                            .Set("namespace", Value::String(place.namespace_))
                            .Set("flowId", Value::String(place.flow_id))
                            .Set("executionId", Value::String(place.execution_id))
                            .Set("timestamp", Value::Instant(absl::FromUnixMicros(line.micros())))
                            .Set("level", Value::String("ERROR"))
                            .Set("message", Value::String(line.text()))
                            .Build());
    }
  }
  return Value::List(std::move(entries));
}

}  // namespace orch::facts
