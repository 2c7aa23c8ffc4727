#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "expression/fuel.h"
#include "expression/result.h"
#include "expression/value.h"

namespace orch::expression {

// Output gathers what a template writes.
class Output {
 public:
  enum class Form {
    kPrint,  // Lists and maps as JSON.
    kJava,   // Everything in Java's form: inside macros, `block()` and `filter`.
    kTyped,  // A lone value keeps its kind.
  };
  Output(Form form, Fuel* fuel) : form_(form), fuel_(fuel) {}

  Result<bool> Text(std::string_view text);
  // A value without views or deferred parts.
  Result<bool> Print(const Value& value);

  // False as long as nothing but null was written.
  bool wrote() const { return wrote_; }
  // What was written: opaque if a marker is in it.
  Value Take();

 private:
  Result<bool> Append(std::string_view text, bool tainted, bool marker);

  Form form_;
  Fuel* fuel_;
  bool wrote_ = false;
  bool tainted_ = false;
  bool marker_ = false;
  std::string text_;
  std::optional<Value> value_;  // kTyped: what was written, as long as it is one value.
};

}  // namespace orch::expression
