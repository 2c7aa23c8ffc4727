#include "expression/evaluator.h"

#include <algorithm>

#include "absl/cleanup/cleanup.h"
#include "absl/container/inlined_vector.h"
#include "expression/attributes.h"
#include "expression/java_hash.h"
#include "expression/operators.h"
#include "expression/text.h"

namespace orch::expression {
namespace {

// Evaluations within evaluations, for each level of nesting that an author may write.
constexpr int kDepthPerLevel = 12;

Failure MarkerFailure() {
  return EvalFailure(
      "A value that is filled in later (workingDir, outputDir, outputFiles) can only be "
      "printed or joined with ~");
}

// What an operator makes of a failure of its operand.
Failure Wrapped(Op op, Failure failure) {
  const std::string_view name = OperationName(op);
  if (name.empty() || failure.code == Failure::Code::kNeed ||
      failure.code == Failure::Code::kLimit) {
    return failure;
  }
  if (failure.code == Failure::Code::kMissing) {
    failure.text = "Unable to find `" + failure.text + "`";
  }
  failure.code = Failure::Code::kEval;
  failure.text = "Could not perform " + std::string(name) + ": " + failure.text;
  failure.line = 0;
  return failure;
}

}  // namespace

Evaluator::Evaluator(const EvaluationContext& context, Compiler* compiler)
    : context_(context), compiler_(compiler), fuel_(context.limits), dice_(context.seed) {
  scopes_.emplace_back();
}

Value* Evaluator::Scope::Find(std::string_view name) {
  for (auto& [known, value] : names) {
    if (known == name) return &value;
  }
  return nullptr;
}

void Evaluator::Scope::Set(std::string_view name, Value value) {
  if (Value* known = Find(name)) {
    *known = std::move(value);
  } else {
    names.emplace_back(std::string(name), std::move(value));
  }
}

std::string Evaluator::Message(const Failure& failure, std::string_view source) {
  const std::string line = failure.line > 0 ? std::to_string(failure.line) : "?";
  if (failure.code == Failure::Code::kMissing) {
    return "Unable to find `" + failure.text + "` used in the expression `" + std::string(source) +
           "` at line " + line;
  }
  return failure.text + " (" + std::string(source) + ":" + line + ")";
}

Result<std::optional<Value>> Evaluator::Variable(std::string_view name) {
  for (size_t i = scopes_.size(); i > base_; --i) {
    Scope& scope = scopes_[i - 1];
    if (const Value* value = scope.Find(name)) return {*value};
    if (scope.loop && name == "loop") {
      const Loop& loop = *scope.loop;
      MapBuilder map;
      map.Set("index", Value::Int(loop.index));
      map.Set("length", Value::Int(loop.length));
      map.Set("revindex", Value::Int(loop.length - loop.index - 1));
      map.Set("first", Value::Bool(loop.index == 0));
      map.Set("last", Value::Bool(loop.index == loop.length - 1));
      return {map.Build()};
    }
  }
  if (sees_variables_ && context_.variables != nullptr) {
    if (std::optional<Value> value = context_.variables->Find(name)) {
      if (value->kind() != Kind::kDeferred) return value;
      ASSIGN_OR_FAIL(Value fetched, Ask(value->fact()));
      return {std::move(fetched)};
    }
  }
  if (name == "locale") return {Value::String("en_US")};
  return {std::nullopt};
}

Result<Value> Evaluator::Path(std::initializer_list<std::string_view> steps) {
  std::optional<Value> value;
  for (const std::string_view step : steps) {
    if (!value) {
      ASSIGN_OR_FAIL(value, Variable(step));
    } else {
      ASSIGN_OR_FAIL(value, Member(*value, step));
    }
    if (!value) return Value::Null();
  }
  return *value;
}

Result<std::optional<Value>> Evaluator::Member(const Value& object, std::string_view key) {
  std::optional<Value> member;
  if (object.is_view()) {
    member = object.view().Get(key);
  } else if (const Value* found = object.Find(key)) {
    member = *found;
  }
  if (member && member->kind() == Kind::kDeferred) {
    ASSIGN_OR_FAIL(member, Ask(member->fact()));
  }
  return member;
}

Result<Value> Evaluator::AllVariables() {
  MapBuilder map(MapOrder::kJavaHash);
  if (sees_variables_ && context_.variables != nullptr) {
    for (const std::string& name : context_.variables->Names()) {
      ASSIGN_OR_FAIL(std::optional<Value> value, Variable(name));
      if (!value) continue;
      ASSIGN_OR_FAIL(Value whole, Whole(*value));
      map.Set(name, std::move(whole));
    }
  }
  for (size_t i = base_; i < scopes_.size(); ++i) {
    for (const auto& [name, value] : scopes_[i].names) {
      ASSIGN_OR_FAIL(Value whole, Whole(value));
      map.Set(name, std::move(whole));
    }
  }
  return Charged(map.Build());
}

Result<Value> Evaluator::Whole(const Value& value) {
  if (!value.HoldsDeferred()) return value;
  if (value.kind() == Kind::kDeferred) {
    ASSIGN_OR_FAIL(const Value fetched, Ask(value.fact()));
    return fetched.HoldsDeferred() ? Result<Value>(EvalFailure("A fact leads to another fact"))
                                   : Result<Value>(fetched);
  }
  if (value.is_view()) {
    absl::StatusOr<Value> map = value.view().Materialise(fuel_);
    if (!map.ok()) return FailureOf(map.status());
    if (map->is_view()) return EvalFailure("A view is made of itself");
    return Whole(*map);
  }
  // Parts of a list or map: each is looked at, so that all lacking facts become known.
  std::optional<Failure> first;
  const auto part = [&](const Value& inner) {
    Result<Value> whole = Whole(inner);
    if (whole.ok()) return *std::move(whole);
    if (!first) first = whole.failure();
    return Value::Null();
  };
  Value result;
  if (value.is_map()) {
    MapBuilder map;
    for (const MapEntry& entry : value.entries()) map.Add(entry.key, part(entry.value));
    result = map.Build();
  } else if (value.kind() == Kind::kEntry) {
    result = Value::Entry(value.entry_key(), part(value.entry_value()));
  } else {
    std::vector<Value> items;
    for (const Value& item : value.items()) items.push_back(part(item));
    result = value.is_list()                ? Value::List(std::move(items))
             : value.kind() == Kind::kArray ? Value::Array(std::move(items))
                                            : Value::Set(std::move(items));
  }
  if (first) return *std::move(first);
  return Charged(std::move(result));
}

Result<Value> Evaluator::Ask(Fact fact, bool* not_found) {
  if (!fuel_.Spend(1)) return LimitFailure("The evaluation takes too many steps");
  const absl::StatusOr<Value>* known =
      context_.facts == nullptr ? nullptr : context_.facts->Find(fact);
  if (known == nullptr) {
    if (static_cast<int>(needs_.size()) < context_.limits.fact_count_max &&
        need_keys_.insert(fact.Key()).second) {
      needs_.push_back(std::move(fact));
    }
    return Failure{Failure::Code::kNeed, "", 0};
  }
  if (!known->ok()) {
    if (not_found != nullptr && absl::IsNotFound(known->status())) {
      *not_found = true;
      return Value::Null();
    }
    return FailureOf(known->status());
  }
  return Charged((*known)->TaintedIf(fact.function == "secret" || fact.tainted()));
}

Result<Value> Evaluator::Charged(Value value) {
  const size_t weight = value.weight();
  if (value.depth() > context_.limits.value_depth_max) {
    return LimitFailure("A value nests too deeply");
  }
  if (weight > static_cast<size_t>(context_.limits.output_bytes_max) * 4) {
    return LimitFailure("A value is too large");
  }
  if (value.is_string() && !fuel_.SpendBytes(static_cast<int64_t>(weight))) {
    return LimitFailure("The texts of this evaluation are too long");
  }
  if (!fuel_.Spend(1 + static_cast<int64_t>(weight / 64))) {
    return LimitFailure("The evaluation takes too many steps");
  }
  return value;
}

Result<Value> Evaluator::Eval(const Expr& root) {
  const absl::Cleanup leave = [this] { --depth_; };
  if (++depth_ > context_.limits.depth_max * kDepthPerLevel) {
    return LimitFailure("The evaluation nests too deeply");
  }
  absl::InlinedVector<const Expr*, 8> spine;
  const Expr* expr = &root;
  while (expr->kind >= ExprKind::kBinary) {
    spine.push_back(expr);
    expr = expr->left;
  }
  const auto step = [&](const Expr& at, Result<Value> result) {
    if (!result.ok() && result.failure().line == 0) result.failure().line = at.line;
    if (result.ok() && !fuel_.Spend(1)) {
      return Result<Value>(LimitFailure("The evaluation takes too many steps"));
    }
    return result;
  };
  Result<Value> value = step(*expr, EvalLeaf(*expr));
  for (; !spine.empty(); spine.pop_back()) {
    value = step(*spine.back(), Combine(*spine.back(), std::move(value)));
  }
  return value;
}

Result<Value> Evaluator::EvalLeaf(const Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kLiteral: return expr.literal;
    case ExprKind::kBadInteger: return EvalFailure("The number " + expr.name + " is too large");
    case ExprKind::kVariable: return EvalVariable(expr);
    case ExprKind::kInterpolation:
    case ExprKind::kList:
    case ExprKind::kMap: return EvalSeveral(expr);
    case ExprKind::kTernary: return EvalTernary(expr);
    case ExprKind::kUnary: return EvalUnary(expr);
    case ExprKind::kCall: return EvalCall(expr);
    default: return EvalFailure("Not an operand");
  }
}

Result<Value> Evaluator::EvalVariable(const Expr& expr) {
  ASSIGN_OR_FAIL(std::optional<Value> value, Variable(expr.name));
  if (!value) return MissingFailure(expr.name);
  return *std::move(value);
}

// A list, a map or an interpolated string: after a lacking fact its other parts are evaluated too.
Result<Value> Evaluator::EvalSeveral(const Expr& expr) {
  std::optional<Failure> lacking;
  std::optional<Failure> fatal;
  const auto part = [&](const Expr& inner) {
    if (fatal) return Value::Null();
    Result<Value> value = Eval(inner);
    if (value.ok()) return *std::move(value);
    if (value.Failed(Failure::Code::kNeed)) {
      lacking = value.failure();
    } else if (!lacking) {
      fatal = value.failure();
    }
    return Value::Null();
  };
  Value result;
  if (expr.kind == ExprKind::kMap) {
    MapBuilder map(MapOrder::kJavaHash, LiteralCapacity(expr.pairs.size()));
    for (const auto& [key_expr, value_expr] : expr.pairs) {
      Value key = part(*key_expr);
      map.Set(std::move(key), part(*value_expr));
    }
    result = map.Build();
  } else {
    std::vector<Value> items;
    items.reserve(expr.items.size());
    for (const Expr* item : expr.items) items.push_back(part(*item));
    if (expr.kind == ExprKind::kList) {
      result = Value::List(std::move(items));
    } else if (!fatal && !lacking) {
      result = Value::String("");
      for (const Value& item : items) {
        ASSIGN_OR_FAIL(const Value whole, Whole(item));
        ASSIGN_OR_FAIL(result, Concatenate(result, whole));
      }
    }
  }
  if (fatal) return *std::move(fatal);
  if (lacking) return *std::move(lacking);
  return Charged(std::move(result));
}

Result<Value> Evaluator::EvalTernary(const Expr& expr) {
  ASSIGN_OR_FAIL(const Value condition, Eval(*expr.left));
  if (condition.HoldsMarker()) return MarkerFailure();
  bool holds = false;
  if (!condition.is_null()) {
    ASSIGN_OR_FAIL(holds, AsCondition(condition, "ternary expression"));
  }
  return Eval(holds ? *expr.right : *expr.other);
}

Result<Value> Evaluator::EvalUnary(const Expr& expr) {
  ASSIGN_OR_FAIL(const Value operand, Eval(*expr.left));
  if (operand.HoldsMarker()) return MarkerFailure();
  Value result;
  if (expr.op == Op::kNot) {
    if (operand.is_null()) return EvalFailure("null value given to not()");
    ASSIGN_OR_FAIL(const bool holds, AsCondition(operand, "not()"));
    result = Value::Bool(!holds);
  } else if (expr.op == Op::kMinus) {
    ASSIGN_OR_FAIL(result, Negate(operand));
  } else {
    if (!operand.is_number()) return EvalFailure("A sign needs a number behind it");
    result = operand.kind() == Kind::kI32 ? Value::Long(operand.AsInt()) : operand;
  }
  return result.TaintedIf(operand.AnyTainted());
}

Result<Value> Evaluator::Combine(const Expr& expr, Result<Value> left) {
  switch (expr.kind) {
    case ExprKind::kBinary: return CombineBinary(expr, std::move(left));
    case ExprKind::kAttribute: return CombineAttribute(expr, std::move(left));
    case ExprKind::kFilter: return CombineFilter(expr, std::move(left));
    default: return CombineTest(expr, std::move(left));
  }
}

Result<Value> Evaluator::CombineLogic(const Expr& expr, Result<Value> left) {
  if (!left.ok()) return left;
  if (left->HoldsMarker()) return MarkerFailure();
  const std::string_view where = expr.op == Op::kAnd ? "and expression" : "or expression";
  ASSIGN_OR_FAIL(const bool first, AsCondition(*left, where));
  if (first == (expr.op == Op::kOr)) return Value::Bool(first).TaintedIf(left->AnyTainted());
  ASSIGN_OR_FAIL(const Value right, Eval(*expr.right));
  if (right.HoldsMarker()) return MarkerFailure();
  ASSIGN_OR_FAIL(const bool second, AsCondition(right, where));
  return Value::Bool(second).TaintedIf(left->AnyTainted() || right.AnyTainted());
}

Result<Value> Evaluator::CombineBinary(const Expr& expr, Result<Value> left) {
  switch (expr.op) {
    case Op::kAnd:
    case Op::kOr: return CombineLogic(expr, std::move(left));
    case Op::kCoalesce:
      if (left.ok() ? !left->is_null() : !left.Failed(Failure::Code::kMissing)) return left;
      return Eval(*expr.right);
    case Op::kCoalesceMissing:
      if (!left.Failed(Failure::Code::kMissing)) return left;
      return Eval(*expr.right);
    default: break;
  }
  if (!left.ok()) {
    if (left.Failed(Failure::Code::kNeed)) (void)Eval(*expr.right);
    return Wrapped(expr.op, std::move(left.failure()));
  }
  if (expr.op == Op::kContains && left->is_null()) return Value::Bool(false);
  Result<Value> right_or = Eval(*expr.right);
  if (!right_or.ok()) return Wrapped(expr.op, std::move(right_or.failure()));
  if (expr.op == Op::kContains && left->is_view() && right_or->is_string()) {
    ASSIGN_OR_FAIL(const std::optional<Value> member, Member(*left, right_or->AsString()));
    return Value::Bool(member.has_value()).TaintedIf(right_or->AnyTainted());
  }
  ASSIGN_OR_FAIL(const Value a, Whole(*left));
  ASSIGN_OR_FAIL(const Value b, Whole(*right_or));
  const bool marker = a.HoldsMarker() || b.HoldsMarker();
  if (marker && expr.op != Op::kConcat && expr.op != Op::kAdd) return MarkerFailure();
  if ((expr.op == Op::kConcat || expr.op == Op::kAdd) &&
      SaturatingAdd(a.weight(), b.weight()) >
          static_cast<size_t>(std::max<int64_t>(0, fuel_.bytes_left())) + 64) {
    return LimitFailure("The texts of this evaluation are too long");
  }
  Result<Value> result = Value::Null();
  const auto truth = [](Result<bool> holds) {
    return holds.ok() ? Result<Value>(Value::Bool(*holds))
                      : Result<Value>(std::move(holds.failure()));
  };
  switch (expr.op) {
    case Op::kConcat: result = Concatenate(a, b); break;
    case Op::kEquals: result = Value::Bool(Equal(a, b)); break;
    case Op::kNotEquals: result = Value::Bool(!Equal(a, b)); break;
    case Op::kIsIn: result = Value::Bool(IsIn(a, b)); break;
    case Op::kContains: result = truth(Contains(a, b)); break;
    case Op::kRange: result = Range(a, b, Value::Long(1)); break;
    case Op::kGreater:
    case Op::kLess:
    case Op::kGreaterOrEqual:
    case Op::kLessOrEqual: result = truth(Ordered(expr.op, a, b)); break;
    default: result = Arithmetic(expr.op, a, b);
  }
  if (!result.ok()) return Wrapped(expr.op, std::move(result.failure()));
  // Lists keep the secrecy of each element; a text or a number takes that of its operands.
  const bool whole = !result->is_list();
  return Charged(result->TaintedIf(whole && (a.AnyTainted() || b.AnyTainted())));
}

Result<Value> Evaluator::CombineAttribute(const Expr& expr, Result<Value> left) {
  if (!left.ok()) return left;
  Value key = Value::String(expr.name);
  if (expr.right != nullptr) {
    ASSIGN_OR_FAIL(key, Eval(*expr.right));
  }
  bool taint = left->AnyTainted() || key.AnyTainted();
  std::vector<Value> arguments;
  for (const Expr* argument : expr.arguments.positional) {
    ASSIGN_OR_FAIL(const Value value, Eval(*argument));
    ASSIGN_OR_FAIL(Value whole, Whole(value));
    if (whole.HoldsMarker()) return MarkerFailure();
    taint |= whole.AnyTainted();
    arguments.push_back(std::move(whole));
  }
  const std::string root = expr.left->kind == ExprKind::kVariable ? expr.left->name : "";
  Result<Value> found = GetAttribute(*this, *left, key, expr.call ? &arguments : nullptr, root);
  if (taint && found.Failed(Failure::Code::kEval)) {
    return EvalFailure("An attribute failed on a secret value");
  }
  ASSIGN_OR_FAIL(Value value, std::move(found));
  if (value.kind() == Kind::kDeferred) return Ask(value.fact());
  if (expr.call) return Charged(std::move(value));
  return value;
}

Result<CallArguments> Evaluator::Bind(const Arguments& arguments, const Parameters& parameters,
                                      std::string_view callee) {
  std::vector<std::optional<Value>> values(parameters.any ? arguments.positional.size()
                                                          : parameters.names.size());
  std::optional<Failure> lacking;
  const auto evaluate = [&](const Expr& expr, std::optional<Value>* to) -> std::optional<Failure> {
    Result<Value> value = Eval(expr);
    if (value.ok()) value = Whole(*value);
    if (value.ok()) {
      if (to != nullptr) *to = *std::move(value);
    } else if (value.Failed(Failure::Code::kNeed)) {
      lacking = value.failure();
    } else if (!lacking) {
      return value.failure();
    }
    return std::nullopt;
  };
  for (size_t i = 0; i < arguments.positional.size(); ++i) {
    if (i >= values.size()) {
      return EvalFailure("The argument at position " + std::to_string(i + 1) + " of \"" +
                         std::string(callee) + "\" is not allowed: it takes " +
                         std::to_string(values.size()));
    }
    if (auto failure = evaluate(*arguments.positional[i], &values[i])) return *std::move(failure);
  }
  for (const auto& [name, expr] : arguments.named) {
    std::optional<Value>* to = nullptr;
    if (!parameters.any) {
      const auto found = std::find(parameters.names.begin(), parameters.names.end(), name);
      if (found == parameters.names.end()) {
        return EvalFailure("The argument named \"" + name + "\" does not exist in \"" +
                           std::string(callee) + "\"");
      }
      to = &values[static_cast<size_t>(found - parameters.names.begin())];
    }
    if (auto failure = evaluate(*expr, to)) return *std::move(failure);
  }
  if (lacking) return *std::move(lacking);
  return CallArguments(std::move(values));
}

Result<Value> Evaluator::ApplyFilter(const Expr& expr, const Value& given) {
  if (expr.filter == nullptr) return EvalFailure("Filter [" + expr.name + "] does not exist");
  const FilterSpec& filter = *expr.filter;
  ASSIGN_OR_FAIL(const CallArguments arguments,
                 Bind(expr.arguments, filter.parameters, filter.name));
  const bool marker_passes = filter.name == "default";
  Value input = given;
  if (!marker_passes || !given.is_view()) {
    ASSIGN_OR_FAIL(input, Whole(given));
  }
  bool taint = input.AnyTainted();
  bool marker = input.HoldsMarker();
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (const Value* argument = arguments.Get(i)) {
      taint |= argument->AnyTainted();
      marker |= argument->HoldsMarker();
    }
  }
  if (marker && !marker_passes) return MarkerFailure();
  if (!fuel_.Spend(1 + static_cast<int64_t>(input.weight() / 64))) {
    return LimitFailure("The evaluation takes too many steps");
  }
  if (filter.null_to_null && input.is_null()) return Value::Null();
  Result<Value> result = filter.apply(input, arguments, *this);
  if (!result.ok()) {
    if (taint && result.Failed(Failure::Code::kEval)) {
      return EvalFailure("Filter \"" + expr.name + "\" failed on a secret value");
    }
    return result;
  }
  if (marker_passes) return result;
  return Charged(result->TaintedIf(taint));
}

Result<Value> Evaluator::CombineFilter(const Expr& expr, Result<Value> left) {
  if (!left.ok()) {
    if (left.Failed(Failure::Code::kMissing) && expr.name == "default") {
      return ApplyFilter(expr, Value::Null());
    }
    if (left.Failed(Failure::Code::kNeed) && expr.filter != nullptr) {
      (void)Bind(expr.arguments, expr.filter->parameters, expr.name);
    }
    return left;
  }
  ASSIGN_OR_FAIL(Value result, ApplyFilter(expr, *left));
  if (result.is_list() || result.kind() == Kind::kArray) SortInPlace(expr, result);
  return result;
}

// `sort`, `rsort` and `reverse` reorder the list that a variable holds.
void Evaluator::SortInPlace(const Expr& expr, const Value& sorted) {
  const auto reorders = [](const Expr& at) {
    return at.kind == ExprKind::kFilter &&
           (at.name == "sort" || at.name == "rsort" || at.name == "reverse");
  };
  const Expr* at = &expr;
  while (reorders(*at)) at = at->left;
  if (at == &expr || at == nullptr || at->kind != ExprKind::kVariable) return;
  for (size_t i = scopes_.size(); i > base_; --i) {
    if (Value* known = scopes_[i - 1].Find(at->name)) {
      *known = sorted;
      return;
    }
  }
  scopes_[base_].Set(at->name, sorted);
}

Result<Value> Evaluator::CombineTest(const Expr& expr, Result<Value> left) {
  const bool defined = expr.name == "defined";
  if (!left.ok() && !(defined && left.Failed(Failure::Code::kMissing))) return left;
  if (expr.test == nullptr) return EvalFailure("Test [" + expr.name + "] does not exist");
  if (!left.ok()) return Value::Bool(expr.negated);
  if (left->HoldsMarker() && left->is_marker() && !defined && expr.name != "null") {
    return MarkerFailure();
  }
  ASSIGN_OR_FAIL(const bool holds, expr.test->test(*left));
  return Value::Bool(holds != expr.negated).TaintedIf(left->AnyTainted());
}

Result<Value> Evaluator::EvalCall(const Expr& expr) {
  if (expr.name == "block") return CallBlock(expr);
  if (expr.name == "parent")
    return EvalFailure("Can not use parent function if template does not extend another template");
  const bool renders = expr.name == "render" || expr.name == "renderOnce";
  if (expr.function == nullptr || (renders && context_.recursive)) {
    const Macro* macro = template_ == nullptr ? nullptr : template_->FindMacro(expr.name);
    if (macro != nullptr) return CallMacro(*macro, expr);
    if (IsUnbuiltFunction(expr.name)) {
      return EvalFailure("function '" + expr.name + "' is not built yet");
    }
    return EvalFailure("Function or Macro [" + expr.name + "] does not exist");
  }
  const FunctionSpec& function = *expr.function;
  ASSIGN_OR_FAIL(const CallArguments arguments,
                 Bind(expr.arguments, function.parameters, function.name));
  bool taint = false;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (const Value* argument = arguments.Get(i)) {
      if (argument->HoldsMarker() && !renders) return MarkerFailure();
      taint |= argument->AnyTainted();
    }
  }
  if (!fuel_.Spend(1)) return LimitFailure("The evaluation takes too many steps");
  Result<Value> result = function.call(arguments, *this);
  if (!result.ok()) {
    if (taint && result.Failed(Failure::Code::kEval)) {
      return EvalFailure("Function \"" + expr.name + "\" failed on a secret value");
    }
    return result;
  }
  return Charged(result->TaintedIf(taint && !renders));
}

}  // namespace orch::expression
