// Functions whose answers come from outside: each asks for a fact.
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "expression/evaluator.h"
#include "expression/json.h"
#include "expression/registry.h"
#include "expression/text.h"
#include "expression/text_tools.h"
#include "expression/utf16.h"

namespace orch::expression {
namespace {

using Args = const CallArguments&;

constexpr std::string_view kStorage = "kestra:///";

Result<Value> FlowNamespace(Evaluator& evaluator) { return evaluator.Path({"flow", "namespace"}); }

// The namespace an argument names, else the flow's; `*inherit` where parents are searched too.
Result<Value> NamespaceOf(const Value* argument, Evaluator& evaluator, bool* inherit) {
  *inherit = !IsGiven(argument);
  if (*inherit) return FlowNamespace(evaluator);
  if (!argument->is_string()) return EvalFailure("A namespace must be text");
  return *argument;
}

Result<Value> Kv(Args arguments, Evaluator& evaluator) {
  const Value* key = arguments.Get(0);
  if (!IsGiven(key) || !key->is_string()) {
    return EvalFailure("The 'kv' function expects an argument 'key' with type string");
  }
  const Value strict = arguments.Or(2, Value::Bool(true));
  if (!strict.is_bool()) return EvalFailure("The argument 'errorOnMissing' must be a boolean");
  bool inherit = false;
  ASSIGN_OR_FAIL(Value where, NamespaceOf(arguments.Get(1), evaluator, &inherit));
  bool not_found = false;
  ASSIGN_OR_FAIL(Value value,
                 evaluator.Ask({"kv", {*key, where, Value::Bool(inherit)}}, &not_found));
  if (!not_found) return value;
  if (!strict.AsBool()) return Value::Null();
  return EvalFailure("The key '" + key->AsString() + "' does not exist in the namespace '" +
                     JavaText(where) + "'.");
}

Result<Value> Secret(Args arguments, Evaluator& evaluator) {
  const Value* key = arguments.Get(0);
  if (!IsGiven(key) || !key->is_string()) {
    return EvalFailure("The 'secret' function expects an argument 'key' with type string");
  }
  bool inherit = false;
  ASSIGN_OR_FAIL(Value where, NamespaceOf(arguments.Get(1), evaluator, &inherit));
  bool not_found = false;
  ASSIGN_OR_FAIL(const Value value,
                 evaluator.Ask({"secret", {*key, where, Value::Bool(inherit)}}, &not_found));
  if (not_found) {
    return EvalFailure("Cannot find secret for key '" + key->AsString() + "'.");
  }
  const Value* subkey = arguments.Get(2);
  if (!IsGiven(subkey)) return value;
  const auto fields = ParseJson(value.AsString());
  const Value* field = fields.ok() ? fields->Find(JavaText(*subkey)) : nullptr;
  if (field == nullptr) {
    return EvalFailure("The secret '" + key->AsString() + "' has no field '" + JavaText(*subkey) +
                       "'.");
  }
  return field->WithTaint();
}

std::string Slug(std::string_view text) {
  std::string out;
  for (const char c : ToLower(text)) {
    const bool keeps = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    if (keeps) {
      out.push_back(c);
    } else if (c == '_' || c == ' ') {
      out.push_back('-');
    }
  }
  return out;
}

std::string Folders(std::string_view name) {
  std::string path(name);
  for (char& c : path) {
    if (c == '.') c = '/';
  }
  return path;
}

// The folder of an execution in internal storage; empty if its parts are not known.
Result<std::string> ExecutionFolder(Evaluator& evaluator,
                                    std::initializer_list<std::string_view> space,
                                    std::initializer_list<std::string_view> flow,
                                    std::initializer_list<std::string_view> execution) {
  ASSIGN_OR_FAIL(const Value space_value, evaluator.Path(space));
  ASSIGN_OR_FAIL(const Value flow_value, evaluator.Path(flow));
  ASSIGN_OR_FAIL(const Value id, evaluator.Path(execution));
  if (!space_value.is_string() || !flow_value.is_string() || !id.is_string()) return std::string();
  return std::string(kStorage) + Folders(space_value.AsString()) + "/" +
         Slug(flow_value.AsString()) + "/executions/" + id.AsString() + "/";
}

bool LeavesFolder(std::string_view path) {
  return path.find("../") != std::string_view::npos || path.ends_with("/..") || path == ".." ||
         path.find('\0') != std::string_view::npos;
}

// Checks a path and its right to be read; gives the arguments of the fact.
Result<std::vector<Value>> FileArguments(std::string_view function, Args arguments,
                                         Evaluator& evaluator) {
  const Value* given = arguments.Get(0);
  if (!IsGiven(given) || !(given->is_string() || given->kind() == Kind::kUri)) {
    return EvalFailure("The '" + std::string(function) +
                       "' function expects an argument 'path' that is a path or URI");
  }
  const std::string& path = given->AsString();
  if (LeavesFolder(path)) return EvalFailure("A path must not lead out of its folder");
  bool inherit = false;
  ASSIGN_OR_FAIL(Value where, NamespaceOf(arguments.Get(1), evaluator, &inherit));
  if (path.starts_with("kestra://")) {
    ASSIGN_OR_FAIL(const std::string own, ExecutionFolder(evaluator, {"flow", "namespace"},
                                                          {"flow", "id"}, {"execution", "id"}));
    ASSIGN_OR_FAIL(const std::string parent,
                   ExecutionFolder(evaluator, {"trigger", "namespace"}, {"trigger", "flowId"},
                                   {"trigger", "executionId"}));
    const bool allowed = (!own.empty() && path.starts_with(own)) ||
                         (!parent.empty() && path.starts_with(parent)) ||
                         path.find("/_files/") != std::string::npos;
    if (!allowed) {
      return EvalFailure("Unable to read the file '" + path +
                         "' as it doesn't belong to the current execution");
    }
  }
  return std::vector<Value>{Value::String(path).TaintedIf(given->AnyTainted()), std::move(where)};
}

Result<Value> AskFile(std::string function, Args arguments, Evaluator& evaluator) {
  ASSIGN_OR_FAIL(std::vector<Value> file, FileArguments(function, arguments, evaluator));
  return evaluator.Ask({std::move(function), std::move(file)});
}

Result<Value> Read(Args arguments, Evaluator& evaluator) {
  return AskFile("read", arguments, evaluator);
}
Result<Value> FileExists(Args arguments, Evaluator& evaluator) {
  return AskFile("fileExists", arguments, evaluator);
}
Result<Value> IsFileEmpty(Args arguments, Evaluator& evaluator) {
  return AskFile("isFileEmpty", arguments, evaluator);
}
Result<Value> FileSize(Args arguments, Evaluator& evaluator) {
  return AskFile("fileSize", arguments, evaluator);
}

Result<Value> FileUri(Args arguments, Evaluator& evaluator) {
  const Value* given = arguments.Get(0);
  if (!IsGiven(given) || !given->is_string()) {
    return EvalFailure("The 'fileURI' function expects an argument 'path' with type string");
  }
  if (LeavesFolder(given->AsString())) return EvalFailure("A path must not lead out of its folder");
  ASSIGN_OR_FAIL(const Value where, FlowNamespace(evaluator));
  if (!where.is_string()) return EvalFailure("fileURI needs a flow");
  std::string_view path = given->AsString();
  if (path.starts_with('/')) path.remove_prefix(1);
  return Value::String(std::string(kStorage) + Folders(where.AsString()) + "/_files/" +
                       std::string(path));
}

Result<Value> ErrorLogs(Args, Evaluator& evaluator) { return evaluator.Ask({"errorLogs", {}}); }

using Names = std::vector<std::string_view>;

const Names& HttpNames() {
  static const auto* const names =
      new Names{"uri", "method", "query", "body", "contentType", "headers", "options", "accept"};
  return *names;
}

const Names& SubflowNames() {
  static const auto* const names =
      new Names{"namespace", "id", "inputs", "revision", "labels", "timeout"};
  return *names;
}

// A fact with one map of the arguments that were given.
Result<Value> AskWith(std::string function, const Names& names, Args arguments,
                      Evaluator& evaluator) {
  MapBuilder map;
  for (size_t i = 0; i < names.size(); ++i) {
    if (const Value* value = arguments.Get(i); IsGiven(value)) map.Set(names[i], *value);
  }
  return evaluator.Ask({std::move(function), {map.Build()}});
}

Result<Value> Http(Args arguments, Evaluator& evaluator) {
  if (!IsGiven(arguments.Get(0)))
    return EvalFailure("The 'http' function expects an argument 'uri'");
  return AskWith("http", HttpNames(), arguments, evaluator);
}

Result<Value> Subflow(Args arguments, Evaluator& evaluator) {
  if (!IsGiven(arguments.Get(0)) || !IsGiven(arguments.Get(1))) {
    return EvalFailure("The 'subflow' function expects arguments 'namespace' and 'id'");
  }
  return AskWith("subflow", SubflowNames(), arguments, evaluator);
}

Result<Value> FileSizeChecked(Args arguments, Evaluator& evaluator) {
  const Value* given = arguments.Get(0);
  const bool address = IsGiven(given) && (given->is_string() || given->kind() == Kind::kUri) &&
                       given->AsString().starts_with("kestra://");
  if (!address && arguments.Get(1) == nullptr) {
    return EvalFailure("The 'fileSize' function needs an internal storage address");
  }
  return FileSize(arguments, evaluator);
}

}  // namespace

std::span<const FunctionSpec> FactFunctions() {
  static const auto* const functions = new std::vector<FunctionSpec>{
      {"kv", Parameters::Of({"key", "namespace", "errorOnMissing"}), Kv},
      {"secret", Parameters::Of({"key", "namespace", "subkey"}), Secret},
      {"read", Parameters::Of({"path", "namespace"}), Read},
      {"fileSize", Parameters::Of({"path", "namespace"}), FileSizeChecked},
      {"fileExists", Parameters::Of({"path", "namespace"}), FileExists},
      {"isFileEmpty", Parameters::Of({"path", "namespace"}), IsFileEmpty},
      {"fileURI", Parameters::Of({"path"}), FileUri},
      {"errorLogs", Parameters::Of({}), ErrorLogs},
      {"http", Parameters{false, HttpNames()}, Http},
      {"subflow", Parameters{false, SubflowNames()}, Subflow},
  };
  return *functions;
}

}  // namespace orch::expression
