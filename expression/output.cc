#include "expression/output.h"

#include <utility>

#include "expression/text.h"

namespace orch::expression {
namespace {

bool Joins(const Value& value) {
  return value.is_number() || value.is_bool() || value.is_string() || value.is_marker() ||
         value.kind() == Kind::kChar;
}

}  // namespace

Result<bool> Output::Append(std::string_view text, bool tainted, bool marker) {
  if (!fuel_->SpendBytes(static_cast<int64_t>(text.size()))) {
    return LimitFailure("The result is too long");
  }
  if (value_) {
    if (!Joins(*value_)) return EvalFailure("Text cannot be joined to a list, a map or a date");
    const Value first = *std::exchange(value_, std::nullopt);
    text_ = PrintText(first);
    tainted_ = first.AnyTainted();
    marker_ = first.HoldsMarker();
  }
  wrote_ = true;
  tainted_ |= tainted;
  marker_ |= marker;
  text_ += text;
  return true;
}

Result<bool> Output::Text(std::string_view text) { return Append(text, false, false); }

Result<bool> Output::Print(const Value& value) {
  if (form_ == Form::kJava) {
    if (value.weight() > static_cast<size_t>(fuel_->bytes_left())) {
      return LimitFailure("The result is too long");
    }
    return Append(value.is_null() ? "" : JavaText(value), value.AnyTainted(), value.HoldsMarker());
  }
  if (value.is_null()) return true;
  if (form_ == Form::kTyped) {
    if (!wrote_) {
      wrote_ = true;
      value_ = value;
      return true;
    }
    if (!Joins(value)) return EvalFailure("A list, a map or a date cannot be joined to text");
  }
  if (fuel_->bytes_left() < 0 || value.weight() > static_cast<size_t>(fuel_->bytes_left()) + 64) {
    return LimitFailure("The result is too long");
  }
  return Append(PrintText(value), value.AnyTainted(), value.HoldsMarker());
}

Value Output::Take() {
  if (value_) return *std::move(value_);
  Value text = marker_ ? Value::Marker(std::move(text_)) : Value::String(std::move(text_));
  return text.TaintedIf(tainted_);
}

}  // namespace orch::expression
