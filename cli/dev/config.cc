#include "cli/dev/config.h"

#include <cstdlib>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "cli/exit_code.h"
#include "controlplane/flow/closest.h"
#include "controlplane/flow/duration.h"
#include "controlplane/flow/yaml.h"
#include "expression/value.h"

namespace orch::cli {
namespace {

using expression::Value;
// Takes the value that stands at a path of the document.
using Taker = std::function<absl::Status(const std::string& path, const Value& value)>;

std::string Home() {
  const char* home = std::getenv("HOME");
  return home == nullptr || *home == '\0' ? "/" : home;
}

Taker Text(std::string* target) {
  return [target](const std::string& path, const Value& value) -> absl::Status {
    if (!value.is_string()) return UsageError(path + " is no text");
    *target = value.AsString();
    return absl::OkStatus();
  };
}

Taker Port(int* target) {
  return [target](const std::string& path, const Value& value) -> absl::Status {
    if (!value.is_integer() || value.AsInt() < 0 || value.AsInt() > 65535) {
      return UsageError(path + " is no port; 0 to 65535");
    }
    *target = static_cast<int>(value.AsInt());
    return absl::OkStatus();
  };
}

Taker Ttl(absl::Duration* target) {
  return [target](const std::string& path, const Value& value) -> absl::Status {
    const auto duration = value.is_string() ? flow::ParseDuration(value.AsString()) : std::nullopt;
    if (!duration || *duration < absl::Seconds(1)) {
      return UsageError(path + " is no duration of a second or more, as PT30S");
    }
    *target = *duration;
    return absl::OkStatus();
  };
}

// Hands each member of a map to who takes it.
Taker Section(std::map<std::string, Taker> takers) {
  return [takers = std::move(takers)](const std::string& path, const Value& map) -> absl::Status {
    if (!map.is_map()) {
      return UsageError((path.empty() ? "the configuration" : path) +
                        " is no map of names and values");
    }
    for (const expression::MapEntry& entry : map.entries()) {
      const std::string& key = entry.key.AsString();
      const std::string full = path.empty() ? key : path + "." + key;
      const auto taker = takers.find(key);
      if (taker == takers.end()) {
        std::vector<std::string> names;
        for (const auto& known : takers) names.push_back(known.first);
        return UsageError(
            absl::StrCat("the configuration knows no '", full, "'", flow::DidYouMean(key, names)));
      }
      ORCH_RETURN_IF_ERROR(taker->second(full, entry.value));
    }
    return absl::OkStatus();
  };
}

}  // namespace

absl::StatusOr<ServerConfig> ServerConfig::Read(std::string_view yaml) {
  const bool blank = yaml.find_first_not_of(" \t\r\n") == std::string_view::npos;
  const auto document = blank ? Value() : flow::ParseYaml(yaml);
  if (!document.ok()) {
    return UsageError(
        absl::StrCat("the configuration: ", std::string(document.status().message())));
  }
  ServerConfig config;
  config.folder = DefaultFolder();
  std::string type = "sqlite";
  if (!document->is_null()) {
    const Taker whole = Section({
        {"store", Section({{"type", Text(&type)},
                           {"folder", Text(&config.folder)},
                           {"url", Text(&config.url)}})},
        {"http", Section({{"port", Port(&config.http_port)}})},
        {"grpc", Section({{"port", Port(&config.grpc_port)}})},
        {"management", Section({{"port", Port(&config.management_port)}})},
        {"lease", Section({{"ttl", Ttl(&config.lease_ttl)}})},
    });
    ORCH_RETURN_IF_ERROR(whole("", *document));
  }
  if (type == "postgres") {
    config.store = Store::kPostgres;
    if (config.url.empty()) return UsageError("store.url is missing; Postgres needs one");
  } else if (type != "sqlite") {
    return UsageError(absl::StrCat("store.type is '", type, "'; there are sqlite and postgres"));
  }
  if (config.folder.starts_with("~/")) config.folder = Home() + config.folder.substr(1);
  return config;
}

std::string DefaultFolder() { return Home() + "/.local/share/orch"; }

}  // namespace orch::cli
