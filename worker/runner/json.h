// JSON as the runner needs it: user values are passed on as they were written, digits and all, so
// an object is read as names and the texts of their values.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace orch::worker {

struct JsonMember {
  std::string name;
  std::string value;  // JSON text.
};

// `text` for the inside of a JSON string; bytes that are no UTF-8 become U+FFFD.
std::string JsonEscape(std::string_view text);

// `text`, with bytes that are no UTF-8 replaced by U+FFFD.
std::string MendedUtf8(std::string_view text);

// `text` as a JSON string.
std::string JsonString(std::string_view text);

// The members of an object, in their order; of equal names the last one, at the first one's place.
//   kInvalidArgument   `text` is no JSON object, or nests deeper than 64.
absl::StatusOr<std::vector<JsonMember>> ReadJsonObject(std::string_view text);

// The texts of a list's items.
//   kInvalidArgument   `text` is no JSON list, or nests deeper than 64.
absl::StatusOr<std::vector<std::string>> ReadJsonList(std::string_view text);

// The value of a member; null if there is none.
const std::string* FindMember(const std::vector<JsonMember>& members, std::string_view name);

// A string's text; a number, true or false as it is written; null and absent: nothing. Other values
// as their JSON text.
std::optional<std::string> ScalarText(const std::string& json);

// The inside of a JSON string, nothing if `json` is none.
std::optional<std::string> StringText(const std::string& json);

}  // namespace orch::worker
