// Runs the executable cases of the expression language. `passing.txt` lists the rows that pass: each is
// a test of its own, and must stay one. After an improvement write the list anew:
//   ORCH_UPDATE_PASSING=$PWD/tests/expressions/passing.txt bazel run //tests/expressions:cases_test
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "expression/json.h"
#include "expression/renderer.h"
#include "expression/text.h"
#include "gtest/gtest.h"
#include "tests/expressions/fixtures.h"

namespace orch::tests {
namespace {

using namespace expression;  // NOLINT: the test speaks of little else

constexpr int kFactRoundsMax = 20;

std::string Field(const Value& row, std::string_view name) {
  const Value* value = row.Find(name);
  return value != nullptr && value->is_string() ? value->AsString() : "";
}

bool Flag(const Value& row, std::string_view name) {
  const Value* value = row.Find(name);
  return value != nullptr && value->is_bool() && value->AsBool();
}

const std::vector<Value>& Rows() {
  static const auto* const rows = [] {
    auto* all = new std::vector<Value>();
    std::ifstream file("tests/expressions/cases.jsonl");
    for (std::string line; std::getline(file, line);) {
      if (line.empty()) continue;
      absl::StatusOr<Value> row = ParseJson(line);
      if (!row.ok()) {
        std::fprintf(stderr, "bad row: %s\n", line.c_str());
        std::abort();
      }
      if (!Flag(*row, "superseded")) all->push_back(*std::move(row));
    }
    return all;
  }();
  return *rows;
}

std::set<std::string> ReadPassing() {
  std::set<std::string> ids;
  std::ifstream file("tests/expressions/passing.txt");
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) ids.insert(line);
  }
  return ids;
}

TargetType TargetOf(const std::string& name) {
  if (const auto target = TargetType::Parse(name)) return *target;
  return TargetType::Enum({"TRACE", "DEBUG", "INFO", "WARN", "ERROR"});
}

Outcome RenderOnce(const Value& row, const Renderer& renderer, const EvaluationContext& context) {
  const Value& expr = *row.Find("expr");
  const std::string mode = Field(row, "mode");
  if (mode == "typed") return renderer.RenderTyped(expr.AsString(), context);
  if (mode == "object") return renderer.RenderObject(expr, context);
  if (mode == "property")
    return renderer.RenderProperty(expr, TargetOf(Field(row, "target")), context);
  return renderer.RenderText(expr.AsString(), context);
}

Outcome Run(const Value& row) {
  static const Renderer* const renderer = new Renderer();
  const Value* fixtures = row.Find("fixtures");
  FixtureFacts facts(fixtures == nullptr ? Value() : *fixtures);
  const MapVariables variables(Typed(*row.Find("context")));
  EvaluationContext context;
  context.variables = &variables;
  context.facts = &facts;
  context.now = absl::FromUnixSeconds(1'780'000'000);
  context.seed = 7;
  const Value* config = row.Find("config");
  context.recursive = config != nullptr && Flag(*config, "recursive");
  for (int round = 0; round < kFactRoundsMax; ++round) {
    Outcome outcome = RenderOnce(row, *renderer, context);
    const Need* need = std::get_if<Need>(&outcome);
    if (need == nullptr) return outcome;
    for (const Fact& fact : need->facts) facts.Fetch(fact);
  }
  return Need{};
}

std::string TypeName(const Value& value) {
  switch (value.kind()) {
    case Kind::kNull: return "null";
    case Kind::kBool: return "boolean";
    case Kind::kI32: return "integer";
    case Kind::kI64: return "long";
    case Kind::kF64: return "double";
    case Kind::kChar: return "char";
    case Kind::kString: return "string";
    case Kind::kList: return "list";
    case Kind::kMap: return "map";
    default: return "other";
  }
}

// Members of lists and maps in a fixed order, whatever theirs was.
Value Unordered(const Value& value) {
  std::vector<std::pair<std::string, Value>> parts;
  for (const Value& item : value.items())
    parts.emplace_back(ToJson(Unordered(item)), Unordered(item));
  for (const MapEntry& entry : value.entries())
    parts.emplace_back(JavaText(entry.key), Unordered(entry.value));
  std::sort(parts.begin(), parts.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  if (value.is_map()) {
    MapBuilder map;
    for (auto& [key, part] : parts) map.Set(key, part);
    return map.Build();
  }
  if (!value.is_list()) return value;
  std::vector<Value> items;
  for (auto& [key, part] : parts) items.push_back(part);
  return Value::List(std::move(items));
}

// Dates, durations and names are compared by their text.
std::string Shown(const Value& value) {
  const bool text = value.kind() == Kind::kDuration || value.kind() == Kind::kChar;
  return ToJson(text ? Value::String(PrintText(value)) : value, NullPolicy::kKeep);
}

// Empty if the row passes, else what was wrong.
std::string Fault(const Value& row) {
  const Outcome outcome = Run(row);
  if (std::holds_alternative<Need>(outcome)) return "it never stops asking for facts";
  const Error* error = std::get_if<Error>(&outcome);
  const std::string wanted_error = Field(row, "error");
  if (!wanted_error.empty()) {
    if (error == nullptr)
      return "gave " + Shown(std::get<Value>(outcome)) + " instead of " + wanted_error;
    std::string code = wanted_error.substr(0, wanted_error.find(':'));
    if (code == "runtime") code = "eval";
    if (CodeName(error->code) != code)
      return "wrong code: " + std::string(CodeName(error->code)) + ": " + error->message;
    if (error->message.find("not built yet") != std::string::npos) return error->message;
    if (error->message.find(Field(row, "errorContains")) == std::string::npos) {
      return "wrong message: " + error->message;
    }
    return "";
  }
  if (error != nullptr) return std::string(CodeName(error->code)) + ": " + error->message;
  const Value& value = std::get<Value>(outcome);
  const Value& expected = *row.Find("expect");
  const std::string type = Field(row, "type");
  if (!type.empty() && TypeName(value) != type) return "wrong type: " + TypeName(value);
  if (Field(row, "compare") == "json-unordered") {
    const auto left = ParseJson(PrintText(value));
    const auto right = ParseJson(expected.AsString());
    if (left.ok() && right.ok() && ToJson(Unordered(*left)) == ToJson(Unordered(*right))) return "";
  }
  return Shown(value) == Shown(expected) ? "" : "gave " + Shown(value);
}

TEST(ExpressionCases, AreCountedByArea) {
  std::map<std::string, std::pair<int, int>> areas;
  std::vector<std::string> passing;
  int values = 0;
  int values_passed = 0;
  for (const Value& row : Rows()) {
    const std::string id = Field(row, "id");
    const std::string fault = Fault(row);
    auto& [passed, all] = areas[Field(row, "area")];
    ++all;
    if (row.Find("expect") != nullptr) {
      ++values;
      if (fault.empty()) ++values_passed;
    }
    if (fault.empty()) {
      ++passed;
      passing.push_back(id);
    } else {
      std::printf("  %s %s\n      %s\n", id.c_str(), ToJson(*row.Find("expr")).c_str(),
                  fault.c_str());
    }
  }
  for (const auto& [area, counts] : areas) {
    std::printf("%-18s %3d of %3d\n", area.c_str(), counts.first, counts.second);
  }
  std::printf("with a value: %d of %d rows pass\n", values_passed, values);
  std::printf("%zu of %zu rows pass\n", passing.size(), Rows().size());
  EXPECT_GE(values_passed * 100, values * 60);
  if (const char* path = std::getenv("ORCH_UPDATE_PASSING")) {
    std::sort(passing.begin(), passing.end());
    std::ofstream file(path);
    for (const std::string& id : passing) file << id << "\n";
  } else {
    const std::set<std::string> listed = ReadPassing();
    for (const std::string& id : passing) {
      if (!listed.contains(id))
        std::printf("%s passes and is not listed in passing.txt\n", id.c_str());
    }
  }
}

class Passing : public testing::TestWithParam<std::string> {};

TEST_P(Passing, StaysSo) {
  for (const Value& row : Rows()) {
    if (Field(row, "id") != GetParam()) continue;
    EXPECT_EQ(Fault(row), "") << ToJson(*row.Find("expr"));
    return;
  }
  FAIL() << "passing.txt names a row that does not exist";
}

std::vector<std::string> PassingIds() {
  const std::set<std::string> ids = ReadPassing();
  return {ids.begin(), ids.end()};
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Passing);
INSTANTIATE_TEST_SUITE_P(Row, Passing, testing::ValuesIn(PassingIds()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace orch::tests
