#include "worker/runner/script.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_format.h"
#include "base/status_macros.h"
#include "worker/runner/errors.h"
#include "worker/runner/json.h"
#include "worker/runner/output_reader.h"

namespace orch::worker {
namespace {

// A list of texts: a JSON list, a text that holds one, or a text that is the only item.
absl::StatusOr<std::vector<std::string>> TextsOf(const std::string& name, const std::string& json) {
  std::vector<std::string> texts;
  if (json == "null") return texts;
  std::string list = json;
  if (const std::optional<std::string> text = StringText(json)) {
    if (!text->starts_with('[') || !ReadJsonList(*text).ok()) {
      texts.push_back(*text);
      return texts;
    }
    list = *text;
  }
  const auto items = ReadJsonList(list);
  if (!items.ok()) return BadProperty(name, "must be a list of texts");
  for (const std::string& item : *items) {
    if (const std::optional<std::string> text = ScalarText(item)) texts.push_back(*text);
  }
  return texts;
}

// A map of texts: a JSON object, or a text that holds one. Nulls are dropped.
absl::StatusOr<std::vector<std::pair<std::string, std::string>>> MapOf(const std::string& name,
                                                                       const std::string& json) {
  std::vector<std::pair<std::string, std::string>> map;
  if (json == "null") return map;
  const auto members = ReadJsonObject(StringText(json).value_or(json));
  if (!members.ok()) return BadProperty(name, "must be a map");
  for (const JsonMember& member : *members) {
    if (const std::optional<std::string> text = ScalarText(member.value)) {
      map.emplace_back(member.name, *text);
    }
  }
  return map;
}

absl::StatusOr<bool> BoolOf(const std::string& name, const std::string& json, bool otherwise) {
  const std::optional<std::string> text = ScalarText(json);
  if (!text.has_value()) return otherwise;
  if (*text == "true") return true;
  if (*text == "false") return false;
  return BadProperty(name, "must be true or false");
}

bool NamesDocker(std::string type) {
  std::transform(type.begin(), type.end(), type.begin(),
                 [](unsigned char c) { return tolower(c); });
  return type.find("docker") != std::string::npos;
}

absl::Status ReadNamespaceFiles(const std::string& json, ScriptConfig* config) {
  if (json == "null") return absl::OkStatus();
  const auto members = ReadJsonObject(StringText(json).value_or(json));
  if (!members.ok()) return BadProperty("namespaceFiles", "must be a map");
  if (const std::string* enabled = FindMember(*members, "enabled")) {
    ORCH_ASSIGN_OR_RETURN(const bool on, BoolOf("namespaceFiles.enabled", *enabled, true));
    if (!on) return absl::OkStatus();
  }
  const std::string* files = FindMember(*members, "files");
  if (files == nullptr) {
    return BadProperty("namespaceFiles", "the control plane did not say which files these are");
  }
  ORCH_ASSIGN_OR_RETURN(config->namespace_files, MapOf("namespaceFiles.files", *files));
  return absl::OkStatus();
}

bool IsAddressChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-%._+~#=/").find(c) != std::string_view::npos;
}

}  // namespace

absl::StatusOr<ScriptConfig> ReadScriptConfig(const ScriptType& type, const std::string& json) {
  ScriptConfig config;
  ORCH_ASSIGN_OR_RETURN(const std::vector<JsonMember> members, ReadJsonObject(json));
  for (const JsonMember& member : members) {
    const std::string& name = member.name;
    const std::string& value = member.value;
    if (name == "commands") {
      ORCH_ASSIGN_OR_RETURN(config.commands, TextsOf(name, value));
    } else if (name == "beforeCommands") {
      ORCH_ASSIGN_OR_RETURN(config.before_commands, TextsOf(name, value));
    } else if (name == "interpreter") {
      if (value != "null") {
        ORCH_ASSIGN_OR_RETURN(config.interpreter, TextsOf(name, value));
      }
    } else if (name == "outputFiles") {
      ORCH_ASSIGN_OR_RETURN(config.output_files, TextsOf(name, value));
    } else if (name == "script") {
      config.script = ScalarText(value).value_or("");
    } else if (name == "env") {
      ORCH_ASSIGN_OR_RETURN(config.env, MapOf(name, value));
    } else if (name == "inputFiles") {
      ORCH_ASSIGN_OR_RETURN(config.input_files, MapOf(name, value));
    } else if (name == "namespaceFiles") {
      ORCH_RETURN_IF_ERROR(ReadNamespaceFiles(value, &config));
    } else if (name == "failFast") {
      ORCH_ASSIGN_OR_RETURN(config.fail_fast, BoolOf(name, value, true));
    } else if (name == "warningOnStdErr") {
      ORCH_ASSIGN_OR_RETURN(config.warning_on_stderr, BoolOf(name, value, true));
    } else if (name == "outputDirectory") {
      ORCH_ASSIGN_OR_RETURN(config.output_directory, BoolOf(name, value, false));
    } else if (name == "taskRunner" && value != "null") {
      const auto runner = ReadJsonObject(value);
      if (!runner.ok()) return BadProperty(name, "must be a map");
      if (const std::string* runner_type = FindMember(*runner, "type")) {
        config.wants_docker =
            config.wants_docker || NamesDocker(ScalarText(*runner_type).value_or(""));
      }
    } else if (name == "runner" && value != "null") {
      config.output_directory = true;  // As flows of that time expect.
      config.wants_docker = config.wants_docker || NamesDocker(ScalarText(value).value_or(""));
    }
  }
  if (type.inline_script) {
    if (config.script.empty()) return BadProperty("script", "is missing");
    if (type.extension.empty()) config.commands = {config.script};
  } else if (config.commands.empty()) {
    return BadProperty("commands", "is missing");
  }
  return config;
}

std::vector<std::string> AddressesIn(const std::string& text) {
  constexpr std::string_view kScheme = "kestra://";
  std::vector<std::string> found;
  for (size_t at = text.find(kScheme); at != std::string::npos; at = text.find(kScheme, at)) {
    size_t end = at + kScheme.size();
    while (end < text.size() && IsAddressChar(text[end])) ++end;
    std::string address = text.substr(at, end - at);
    if (address.size() > kScheme.size() &&
        std::find(found.begin(), found.end(), address) == found.end()) {
      found.push_back(std::move(address));
    }
    at = end;
  }
  return found;
}

bool IsShell(const std::vector<std::string>& interpreter) {
  if (interpreter.size() < 2 || interpreter.back() != "-c") return false;
  const std::string& path = interpreter.front();
  const std::string name =
      path.substr(path.rfind('/') == std::string::npos ? 0 : path.rfind('/') + 1);
  return name == "sh" || name == "bash" || name == "dash" || name == "zsh" || name == "ksh" ||
         name == "ash";
}

std::string CommandBlock(const ScriptConfig& config) {
  std::string block;
  const auto add = [&](std::string_view line) {
    if (!block.empty()) block += '\n';
    block += line;
  };
  if (config.fail_fast) add("set -e");
  const bool bracket = !config.before_commands.empty() && IsShell(config.interpreter);
  if (bracket) add("echo '" + std::string(kDebugLinesFollow) + "'");
  for (const std::string& command : config.before_commands) add(command);
  if (bracket) add("echo '" + std::string(kInfoLinesFollow) + "'");
  for (const std::string& command : config.commands) add(command);
  return block;
}

std::string IsoDuration(int64_t micros) {
  const int64_t seconds = micros / 1'000'000;
  const int64_t rest = micros % 1'000'000;
  std::string text = "PT";
  if (seconds >= 3600) text += absl::StrFormat("%dH", seconds / 3600);
  if (seconds % 3600 >= 60) text += absl::StrFormat("%dM", seconds % 3600 / 60);
  if (seconds % 60 == 0 && rest == 0) return text == "PT" ? "PT0S" : text;
  if (rest == 0) return text + absl::StrFormat("%dS", seconds % 60);
  std::string fraction = absl::StrFormat("%06d", rest);
  while (fraction.back() == '0') fraction.pop_back();
  return text + absl::StrFormat("%d.%sS", seconds % 60, fraction);
}

}  // namespace orch::worker
