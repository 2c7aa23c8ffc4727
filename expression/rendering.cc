// The part of Evaluator that writes: bodies, tags, macros, and texts rendered again.
#include <algorithm>

#include "absl/cleanup/cleanup.h"
#include "expression/evaluator.h"
#include "expression/operators.h"
#include "expression/raw.h"
#include "expression/renderer.h"
#include "expression/text.h"

namespace orch::expression {
namespace {

Value AsText(const Value& value) { return value.is_null() ? Value::String("") : value; }

}  // namespace

Result<bool> Evaluator::RenderBody(const Body& body, Output* output) {
  std::optional<Failure> lacking;
  for (const Node* node : body) {
    if (!fuel_.Spend(1)) return LimitFailure("The evaluation takes too many steps");
    Result<bool> written = RenderNode(*node, output);
    if (written.ok()) continue;
    Failure& failure = written.failure();
    if (failure.line == 0) failure.line = node->line;
    if (failure.code == Failure::Code::kLimit) return std::move(failure);
    if (failure.code == Failure::Code::kNeed) {
      lacking = std::move(failure);
    } else if (!lacking) {
      return std::move(failure);
    }
  }
  if (lacking) return *std::move(lacking);
  return true;
}

Result<bool> Evaluator::RenderNode(const Node& node, Output* output) {
  switch (node.kind) {
    case NodeKind::kText: return output->Text(node.text);
    case NodeKind::kPrint: {
      ASSIGN_OR_FAIL(const Value value, Eval(*node.expr));
      ASSIGN_OR_FAIL(const Value whole, Whole(value));
      return output->Print(whole);
    }
    case NodeKind::kIf: return RenderIf(node, output);
    case NodeKind::kFor: return RenderFor(node, output);
    case NodeKind::kSet: {
      ASSIGN_OR_FAIL(Value value, Eval(*node.expr));
      for (size_t i = scopes_.size(); i > base_; --i) {
        if (Value* known = scopes_[i - 1].Find(node.text)) {
          *known = std::move(value);
          return true;
        }
      }
      // A name of the outside is shadowed for the rest of the template, any other one here.
      const bool outside = sees_variables_ && context_.variables != nullptr &&
                           context_.variables->Find(node.text).has_value();
      Scope& scope = outside ? scopes_[base_] : scopes_.back();
      scope.Set(node.text, std::move(value));
      return true;
    }
    case NodeKind::kBlock: return RenderBody(node.body, output);
    case NodeKind::kFilter: return RenderFilterTag(node, output);
  }
  return true;
}

Result<bool> Evaluator::RenderIf(const Node& node, Output* output) {
  constexpr std::string_view kWrong = "Wrong operand(s) type in conditional expression";
  for (const Branch& branch : node.branches) {
    if (branch.condition == nullptr) return RenderBody(branch.body, output);
    Result<Value> value = Eval(*branch.condition);
    Result<bool> holds = false;
    if (!value.ok()) {
      holds = std::move(value.failure());
    } else if (value->HoldsMarker()) {
      holds = EvalFailure("a value that is filled in later is no condition");
    } else {
      holds = AsCondition(*value, "if");
    }
    if (!holds.ok()) {
      Failure failure = std::move(holds.failure());
      if (failure.code == Failure::Code::kNeed || failure.code == Failure::Code::kLimit) {
        return failure;
      }
      if (failure.code == Failure::Code::kMissing) {
        failure.text = "Unable to find `" + failure.text + "`";
      }
      return Failure{Failure::Code::kEval, std::string(kWrong) + ": " + failure.text, branch.line};
    }
    if (*holds) return RenderBody(branch.body, output);
  }
  return true;
}

Result<bool> Evaluator::RenderFor(const Node& node, Output* output) {
  ASSIGN_OR_FAIL(const Value given, Eval(*node.expr));
  ASSIGN_OR_FAIL(const Value value, Whole(given));
  if (value.is_null()) return true;
  if (!value.is_sequence() && !value.is_map()) {
    return EvalFailure("Not an iterable object: " + std::string(JavaClassName(value)));
  }
  const size_t count = value.size();
  if (count == 0) return RenderBody(node.otherwise, output);
  scopes_.emplace_back();
  const absl::Cleanup leave = [this, at = scopes_.size()] { scopes_.resize(at - 1); };
  std::optional<Failure> lacking;
  for (size_t i = 0; i < count; ++i) {
    if (!fuel_.Spend(1)) return LimitFailure("The evaluation takes too many steps");
    Scope& scope = scopes_.back();
    scope.loop = Loop{static_cast<int>(i), static_cast<int>(count)};
    scope.Set(node.text, value.is_map()
                             ? Value::Entry(value.entries()[i].key, value.entries()[i].value)
                             : value.items()[i]);
    Result<bool> written = RenderBody(node.body, output);
    if (written.ok()) continue;
    if (written.Failed(Failure::Code::kNeed)) {
      lacking = std::move(written.failure());
      if (static_cast<int>(needs_.size()) >= context_.limits.fact_count_max) break;
    } else if (!lacking || written.Failed(Failure::Code::kLimit)) {
      return std::move(written.failure());
    }
  }
  if (lacking) return *std::move(lacking);
  return true;
}

Result<bool> Evaluator::RenderFilterTag(const Node& node, Output* output) {
  Output inner(Output::Form::kJava, &fuel_);
  scopes_.emplace_back();
  Result<bool> written = RenderBody(node.body, &inner);
  scopes_.pop_back();
  if (!written.ok()) return written;
  Value value = inner.Take();
  for (const Expr* filter : node.filters) {
    Result<Value> next = ApplyFilter(*filter, value);
    if (!next.ok()) {
      if (next.failure().line == 0) next.failure().line = filter->line;
      return std::move(next.failure());
    }
    value = *std::move(next);
  }
  return output->Print(value);
}

Result<Value> Evaluator::CallMacro(const Macro& macro, const Expr& expr) {
  Parameters parameters;
  for (const auto& [name, fallback] : macro.parameters) parameters.names.push_back(name);
  ASSIGN_OR_FAIL(const CallArguments arguments, Bind(expr.arguments, parameters, macro.name));
  const absl::Cleanup leave = [this, base = base_, sees = sees_variables_, size = scopes_.size()] {
    --body_depth_;
    base_ = base;
    sees_variables_ = sees;
    scopes_.resize(size);
  };
  if (++body_depth_ > context_.limits.depth_max) return LimitFailure("Macros nest too deeply");
  base_ = scopes_.size();
  sees_variables_ = false;
  scopes_.emplace_back();
  for (size_t i = 0; i < macro.parameters.size(); ++i) {
    const auto& [name, fallback] = macro.parameters[i];
    Value value;
    if (const Value* given = arguments.Get(i)) {
      value = *given;
    } else if (fallback != nullptr) {
      ASSIGN_OR_FAIL(value, Eval(*fallback));
    }
    scopes_.back().Set(name, std::move(value));
  }
  Output output(Output::Form::kJava, &fuel_);
  ASSIGN_OR_FAIL([[maybe_unused]] const bool written, RenderBody(macro.body, &output));
  return output.Take();
}

Result<Value> Evaluator::CallBlock(const Expr& expr) {
  ASSIGN_OR_FAIL(const CallArguments arguments,
                 Bind(expr.arguments, Parameters::Of({"name"}), "block"));
  const auto found = template_->blocks.find(JavaText(arguments.Or(0)));
  if (found == template_->blocks.end()) return Value::String("");
  const absl::Cleanup leave = [this] { --body_depth_; };
  if (++body_depth_ > context_.limits.depth_max) return LimitFailure("Blocks nest too deeply");
  Output output(Output::Form::kJava, &fuel_);
  ASSIGN_OR_FAIL([[maybe_unused]] const bool written, RenderBody(found->second->body, &output));
  return output.Take();
}

Result<bool> Evaluator::RenderTemplate(const Template& compiled, Output* output) {
  if (compiled.fault) {
    return Failure{compiled.too_deep ? Failure::Code::kLimit : Failure::Code::kSyntax,
                   compiled.fault->message, compiled.fault->line};
  }
  if (!compiled.duplicate_macro.empty()) {
    return EvalFailure("More than one macro can not share the same name: " +
                       compiled.duplicate_macro);
  }
  const absl::Cleanup leave = [this, before = template_, size = scopes_.size()] {
    template_ = before;
    scopes_.resize(size);
  };
  template_ = &compiled;
  scopes_.emplace_back();
  return RenderBody(compiled.body, output);
}

Result<Value> Evaluator::RenderPasses(std::string_view text, bool typed, bool recursive) {
  std::vector<std::shared_ptr<const Template>> passes;
  Value result = Value::String(std::string(text));
  bool wrote = true;
  bool tainted = false;
  bool marker = false;
  for (int pass = 0;; ++pass) {
    if (pass >= context_.limits.pass_count_max) return LimitFailure("Too many rendering attempts");
    const std::string source = result.AsString();
    std::shared_ptr<const Template> compiled = compiler_->Compile(source);
    Output output(typed ? Output::Form::kTyped : Output::Form::kPrint, &fuel_);
    Result<bool> written = RenderTemplate(*compiled, &output);
    if (!written.ok()) {
      Failure failure = std::move(written.failure());
      if (tainted && failure.code != Failure::Code::kNeed &&
          failure.code != Failure::Code::kLimit) {
        return EvalFailure("A secret value cannot be rendered again");
      }
      // A later pass speaks of a text that the author has not written.
      if (pass > 0 && failure.code == Failure::Code::kMissing) {
        failure = EvalFailure("Unable to find `" + failure.text + "`");
      }
      return failure;
    }
    if (!compiled->raw_tag.empty()) passes.push_back(compiled);
    wrote = output.wrote();
    result = output.Take();
    tainted |= result.AnyTainted();
    marker |= result.HoldsMarker();
    const bool text_again = result.is_string() || result.is_marker();
    if (!recursive || !text_again || result.AsString() == source || IsPlain(result.AsString()))
      break;
  }
  if (!wrote) return Value::Null();
  if (!result.is_string() && !result.is_marker()) return result;
  std::string end = result.AsString();
  for (auto pass = passes.rbegin(); pass != passes.rend(); ++pass) {
    end = PutBackRaw(std::move(end), (*pass)->raw_tag, (*pass)->raw_parts);
  }
  end = StripRaw(std::move(end));
  return (marker ? Value::Marker(std::move(end)) : Value::String(std::move(end)))
      .TaintedIf(tainted);
}

Result<Value> Evaluator::Render(std::string_view text, bool typed) {
  if (IsPlain(text)) return Value::String(std::string(text));
  ASSIGN_OR_FAIL(Value result, RenderPasses(text, typed, context_.recursive));
  // What leaves the evaluation is text: who fills markers in knows them by it.
  if (result.is_marker()) return Value::String(result.AsString()).TaintedIf(result.AnyTainted());
  return result;
}

Result<Value> Evaluator::RenderInside(const Value& value) {
  return RenderMembers(value, /*inner=*/false, /*recursive=*/false);
}

Result<Value> Evaluator::RenderAgain(const Value& value, bool recursive) {
  const absl::Cleanup leave = [this] { --body_depth_; };
  if (++body_depth_ > context_.limits.depth_max) return LimitFailure("Renders nest too deeply");
  return RenderMembers(value, /*inner=*/true, recursive);
}

Result<Value> Evaluator::RenderMembers(const Value& value, bool inner, bool recursive) {
  if (value.is_string()) {
    if (IsPlain(value.AsString())) return value;
    Result<Value> rendered = inner ? RenderPasses(value.AsString(), /*typed=*/false, recursive)
                                   : Render(value.AsString(), /*typed=*/false);
    if (rendered.ok()) return AsText(*rendered).TaintedIf(value.AnyTainted());
    Failure failure = std::move(rendered.failure());
    if (failure.code == Failure::Code::kNeed || failure.code == Failure::Code::kLimit) {
      return failure;
    }
    const std::string_view source =
        value.AnyTainted() ? std::string_view("******") : std::string_view(value.AsString());
    if (inner) return EvalFailure(Message(failure, source));
    // The text of a member says more than the whole object would.
    return Failure{failure.code, std::move(failure.text), failure.line, std::string(source)};
  }
  if (!value.is_sequence() && !value.is_map()) return value;
  std::optional<Failure> lacking;
  std::optional<Failure> fatal;
  const auto part = [&](const Value& member) {
    if (fatal) return Value::Null();
    Result<Value> rendered = RenderMembers(member, inner, recursive);
    if (rendered.ok()) return *std::move(rendered);
    if (rendered.Failed(Failure::Code::kNeed)) {
      lacking = std::move(rendered.failure());
    } else if (!lacking || rendered.Failed(Failure::Code::kLimit)) {
      fatal = std::move(rendered.failure());
    }
    return Value::Null();
  };
  Value result;
  if (value.is_map()) {
    MapBuilder map;
    for (const MapEntry& entry : value.entries()) {
      Value key = part(entry.key);
      map.Add(std::move(key), part(entry.value));
    }
    result = map.Build();
  } else {
    std::vector<Value> items;
    items.reserve(value.size());
    for (const Value& item : value.items()) items.push_back(part(item));
    result = Value::List(std::move(items));
  }
  if (fatal) return *std::move(fatal);
  if (lacking) return *std::move(lacking);
  return Charged(std::move(result));
}

}  // namespace orch::expression
