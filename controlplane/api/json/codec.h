// The codec turns messages into the API's JSON and back, by their descriptors alone.
//
// JSON has lowerCamelCase names, bare enum words, integers of any size as numbers, Instant as ISO
// with milliseconds and `Z`, Span as ISO-8601, bytes as base64, and a Json's bytes exactly as they
// came. What is not set is absent, unless its field says `always`.
//
// Threads     Safe from many at once.
// Memory      What the text or message takes, once more.
#pragma once

#include <google/protobuf/message.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "controlplane/api/json/json_text.h"

namespace orch::api::json {

// Fills `message` from a JSON object; fields that are there already and not named stay. `null` is
// absent. Names that the message does not have are passed over and appended to `unknown` as paths.
//   kInvalidArgument    no JSON, or a value that does not fit its field: PathOf(status) names it.
//   kResourceExhausted  beyond the budget.
absl::Status Decode(std::string_view text, google::protobuf::Message* message,
                    std::vector<std::string>* unknown = nullptr, const JsonBudget& budget = {});

// As Decode, for a text that was checked.
absl::Status DecodeChecked(std::string_view checked, google::protobuf::Message* message,
                           std::vector<std::string>* unknown);

// Sets one field from a text that is no JSON: a query parameter, a segment of a path, a header. A
// repeated field takes one more element. A Json field takes it as a JSON text. Errors as Decode.
absl::Status SetFromText(std::string_view text, const google::protobuf::FieldDescriptor& field,
                         google::protobuf::Message* message);

// Appends the message as one JSON object (a Json: its value; Instant and Span: a text).
void Encode(const google::protobuf::Message& message, std::string* out);
std::string ToJson(const google::protobuf::Message& message);

// Appends the value of one field: of a repeated one a bare array, of an absent message `null`.
void EncodeField(const google::protobuf::Message& message,
                 const google::protobuf::FieldDescriptor& field, std::string* out);

}  // namespace orch::api::json
