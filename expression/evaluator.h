#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "expression/ast.h"
#include "expression/context.h"
#include "expression/dice.h"
#include "expression/output.h"
#include "expression/registry.h"
#include "expression/result.h"

namespace orch::expression {

// Where an evaluator gets compiled texts from.
class Compiler {
 public:
  virtual ~Compiler() = default;
  virtual std::shared_ptr<const Template> Compile(std::string_view text) = 0;
};

// Evaluator carries out one rendering: its scopes, its fuel, the facts it lacked.
//
// A failure in one of several siblings ends them all, but for a lacking fact: then the others are
// evaluated too, for the sake of the facts they lack.
class Evaluator {
 public:
  Evaluator(const EvaluationContext& context, Compiler* compiler);

  // A text rendered once or, where the context says so, until it stays the same. `kind` is a string
  // form or, for a typed rendering, keeps the value. Null if nothing was written.
  Result<Value> Render(std::string_view text, bool typed);
  // Each text inside a list or map rendered, keys included.
  Result<Value> RenderInside(const Value& value);

  // What a failure says to the author of `source`.
  static std::string Message(const Failure& failure, std::string_view source);

  const std::vector<Fact>& needs() const { return needs_; }

  // For filters and functions ------------------------------------------------
  const EvaluationContext& context() const { return context_; }
  Fuel& fuel() { return fuel_; }
  Dice& dice() { return dice_; }

  // A variable as the expression sees it; nullopt if there is none.
  Result<std::optional<Value>> Variable(std::string_view name);
  // A member of a map variable: Path({"flow", "namespace"}); null if any step is absent.
  Result<Value> Path(std::initializer_list<std::string_view> steps);
  // Every variable, those set by the template included.
  Result<Value> AllVariables();
  // The member of a map or view; nullopt if absent.
  Result<std::optional<Value>> Member(const Value& object, std::string_view key);
  // The value with all views in it built and all deferred parts fetched.
  Result<Value> Whole(const Value& value);
  // A fact. `*not_found`, where given, takes the place of the failure for a fact that does not exist.
  Result<Value> Ask(Fact fact, bool* not_found = nullptr);
  // `render()`: a text rendered again, until it stays the same or once. A failure inside counts as a
  // failure of the call.
  Result<Value> RenderAgain(const Value& value, bool recursive);
  // Counts a new value against the limits.
  Result<Value> Charged(Value value);

  // For the parts of this class that live in files of their own ---------------
  Result<Value> Eval(const Expr& expr);
  bool Spend(int64_t steps) { return fuel_.Spend(steps); }

 private:
  struct Loop {
    int index;
    int length;
  };
  struct Scope {
    std::vector<std::pair<std::string, Value>> names;
    std::optional<Loop> loop;
    Value* Find(std::string_view name);
    void Set(std::string_view name, Value value);
  };
  class Nested;

  Result<Value> EvalLeaf(const Expr& expr);
  Result<Value> EvalVariable(const Expr& expr);
  Result<Value> EvalSeveral(const Expr& expr);
  Result<Value> EvalTernary(const Expr& expr);
  Result<Value> EvalUnary(const Expr& expr);
  Result<Value> EvalCall(const Expr& expr);
  Result<Value> CallMacro(const Macro& macro, const Expr& expr);
  Result<Value> CallBlock(const Expr& expr);
  // The value of a node whose left operand has been evaluated.
  Result<Value> Combine(const Expr& expr, Result<Value> left);
  Result<Value> CombineBinary(const Expr& expr, Result<Value> left);
  Result<Value> CombineLogic(const Expr& expr, Result<Value> left);
  Result<Value> CombineAttribute(const Expr& expr, Result<Value> left);
  Result<Value> CombineFilter(const Expr& expr, Result<Value> left);
  Result<Value> CombineTest(const Expr& expr, Result<Value> left);
  Result<Value> ApplyFilter(const Expr& expr, const Value& input);
  void SortInPlace(const Expr& expr, const Value& sorted);
  Result<CallArguments> Bind(const Arguments& arguments, const Parameters& parameters,
                             std::string_view callee);

  Result<bool> RenderBody(const Body& body, Output* output);
  Result<bool> RenderNode(const Node& node, Output* output);
  Result<bool> RenderIf(const Node& node, Output* output);
  Result<bool> RenderFor(const Node& node, Output* output);
  Result<bool> RenderFilterTag(const Node& node, Output* output);
  Result<bool> RenderTemplate(const Template& compiled, Output* output);
  Result<Value> RenderPasses(std::string_view text, bool typed, bool recursive);
  // `inner`: as render() does it, else as a rendering of the context.
  Result<Value> RenderMembers(const Value& value, bool inner, bool recursive);

  const EvaluationContext& context_;
  Compiler* compiler_;
  Fuel fuel_;
  Dice dice_;
  std::vector<Fact> needs_;
  absl::flat_hash_set<std::string> need_keys_;
  std::vector<Scope> scopes_;
  size_t base_ = 0;             // The first scope that can be seen.
  bool sees_variables_ = true;  // False inside a macro.
  const Template* template_ = nullptr;
  int depth_ = 0;       // Of evaluations within evaluations.
  int body_depth_ = 0;  // Of macros, blocks and renders within each other.
};

}  // namespace orch::expression
