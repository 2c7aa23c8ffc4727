// Texts that nobody would write: pieces of the cases, cut and joined at random. Each must come to an
// outcome, twice the same, within its limits.
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "expression/json.h"
#include "expression/renderer.h"
#include "expression/text.h"
#include "gtest/gtest.h"
#include "tests/expressions/fixtures.h"

namespace orch::tests {
namespace {

using expression::Outcome;
using expression::Value;

constexpr int kTexts = 4000;

struct Seed {
  std::string text;
  Value context;
};

std::vector<Seed> ReadSeeds() {
  std::vector<Seed> seeds;
  std::ifstream file("tests/expressions/cases.jsonl");
  for (std::string line; std::getline(file, line);) {
    const auto row = expression::ParseJson(line);
    if (!row.ok() || !row->Find("expr")->is_string()) continue;
    seeds.push_back({row->Find("expr")->AsString(), Typed(*row->Find("context"))});
  }
  return seeds;
}

std::string Shown(const Outcome& outcome) {
  if (const auto* value = std::get_if<Value>(&outcome)) return expression::PrintText(*value);
  if (const auto* error = std::get_if<expression::Error>(&outcome)) return error->message;
  std::string keys;
  for (const auto& fact : std::get<expression::Need>(outcome).facts) keys += fact.Key();
  return keys;
}

class Mangler {
 public:
  explicit Mangler(uint32_t seed) : dice_(seed) {}

  std::string Mangle(const std::vector<Seed>& seeds) {
    std::string text = Pick(seeds);
    for (int i = 0; i < 3; ++i) {
      const size_t at = Below(text.size() + 1);
      switch (Below(4)) {
        case 0: text.erase(at, 1 + Below(6)); break;
        case 1: {
          const std::string other = Pick(seeds);
          const size_t from = Below(other.size() + 1);
          text.insert(at, other.substr(from, 1 + Below(20)));
          break;
        }
        case 2: text.insert(at, 1, "{}%#|~'\"()[]-.,:?\\0aé\n"[Below(23)]); break;
        default: text = text.substr(0, at) + text.substr(Below(text.size() + 1));
      }
    }
    return text;
  }
  size_t Below(size_t bound) { return dice_() % bound; }

 private:
  const std::string& Pick(const std::vector<Seed>& seeds) {
    return seeds[Below(seeds.size())].text;
  }

  std::mt19937 dice_;
};

TEST(ExpressionRobustness, EveryTextComesToOneOutcome) {
  const std::vector<Seed> seeds = ReadSeeds();
  ASSERT_GT(seeds.size(), 500u);
  const expression::Renderer renderer(256 * 1024);
  for (uint32_t seed = 1; seed <= kTexts; ++seed) {
    Mangler mangler(seed);
    const std::string text = mangler.Mangle(seeds);
    SCOPED_TRACE(testing::Message() << "seed " << seed << ": " << text);
    const expression::MapVariables variables(seeds[mangler.Below(seeds.size())].context);
    expression::EvaluationContext context;
    context.variables = &variables;
    context.seed = seed;
    context.limits.step_count_max = 20'000;
    context.limits.output_bytes_max = 1 << 20;
    const std::string once = Shown(renderer.RenderText(text, context));
    EXPECT_EQ(Shown(renderer.RenderText(text, context)), once);
    EXPECT_LE(once.size(), text.size() + (2u << 20));
    (void)renderer.RenderTyped(text, context);
    (void)renderer.Check(text);
  }
}

}  // namespace
}  // namespace orch::tests
