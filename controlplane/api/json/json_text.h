// Looks at JSON as text: checks it once, then walks it without building anything.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace orch::api::json {

struct JsonBudget {
  size_t bytes_max = 64 * 1024 * 1024;
  size_t depth_max = 64;
  size_t node_count_max = 1'000'000;
};

// Whether `text` is exactly one JSON value in UTF-8, within the budget. Uses no recursion.
//   kInvalidArgument    it is not.    kResourceExhausted  it exceeds the budget.
absl::Status CheckJson(std::string_view text, const JsonBudget& budget = {});

// Cursor walks a text that CheckJson accepted, value by value. Behaviour on other texts is bounded
// (it never reads beyond the end) but without meaning.
class Cursor {
 public:
  enum class Kind { kNull, kBool, kNumber, kText, kObject, kArray, kEnd };

  explicit Cursor(std::string_view checked) : text_(checked) { SkipSpace(); }

  // What stands here.
  Kind kind() const;
  // Takes the value that stands here, as it is written.
  std::string_view TakeRaw();
  // Takes a text and decodes its escapes.
  std::string TakeText();
  // Steps into the object or array that stands here.
  void Enter();
  // In an object: takes the next key, false at its end (which is passed). In an array: whether
  // there is another element; its end is passed.
  bool NextKey(std::string* key);
  bool NextElement();

 private:
  void SkipSpace();
  bool NextItem(char closing);

  std::string_view text_;
  size_t at_ = 0;
  bool first_ = false;
};

bool IsUtf8(std::string_view text);

// The text that a JSON text (with its quotes) stands for.
std::string Unquote(std::string_view quoted);

// Appends `text` with quotes and escapes. What is no UTF-8 becomes U+FFFD.
void AppendQuoted(std::string_view text, std::string* out);
std::string Quoted(std::string_view text);

}  // namespace orch::api::json
