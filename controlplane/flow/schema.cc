#include "controlplane/flow/schema.h"

#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "base/status_macros.h"

namespace orch::flow {
namespace {

using expression::Value;

absl::Status Bad(std::string_view keyword, std::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrFormat("`%s` of a schema %s", std::string(keyword), std::string(why)));
}

absl::StatusOr<uint8_t> TypeOf(const Value& name) {
  if (!name.is_string()) return Bad("type", "must be a word or a list of words");
  const std::string& word = name.AsString();
  if (word == "null") return Schema::kNull;
  if (word == "boolean") return Schema::kBoolean;
  if (word == "integer") return Schema::kInteger;
  if (word == "number") return Schema::kNumber;
  if (word == "string") return Schema::kString;
  if (word == "array") return Schema::kArray;
  if (word == "object") return Schema::kObject;
  return Bad("type", "is `" + word + "`, which is no type of JSON");
}

absl::StatusOr<std::string> TextOf(std::string_view keyword, const Value& value) {
  if (!value.is_string()) return Bad(keyword, "must be a text");
  return value.AsString();
}

absl::StatusOr<std::shared_ptr<const Schema>> ParseShared(const Value& json) {
  ORCH_ASSIGN_OR_RETURN(Schema schema, Schema::Parse(json));
  return std::make_shared<const Schema>(std::move(schema));
}

}  // namespace

const Schema* Schema::Find(std::string_view property) const {
  for (const auto& [name, schema] : properties) {
    if (name == property) return schema.get();
  }
  return nullptr;
}

absl::StatusOr<Schema> Schema::Parse(const Value& json) {
  if (!json.is_map()) return absl::InvalidArgumentError("a schema must be an object");
  Schema schema;
  for (const expression::MapEntry& entry : json.entries()) {
    if (!entry.key.is_string()) continue;
    const std::string& keyword = entry.key.AsString();
    const Value& value = entry.value;
    if (keyword == "type") {
      if (value.is_list()) {
        for (const Value& item : value.items()) {
          ORCH_ASSIGN_OR_RETURN(const uint8_t type, TypeOf(item));
          schema.types |= type;
        }
      } else {
        ORCH_ASSIGN_OR_RETURN(schema.types, TypeOf(value));
      }
    } else if (keyword == "enum") {
      if (!value.is_list()) return Bad(keyword, "must be a list");
      schema.values = value.items();
    } else if (keyword == "required") {
      if (!value.is_list()) return Bad(keyword, "must be a list of names");
      for (const Value& item : value.items()) {
        ORCH_ASSIGN_OR_RETURN(std::string name, TextOf(keyword, item));
        schema.required.push_back(std::move(name));
      }
    } else if (keyword == "properties") {
      if (!value.is_map()) return Bad(keyword, "must be an object");
      for (const expression::MapEntry& property : value.entries()) {
        ORCH_ASSIGN_OR_RETURN(std::string name, TextOf(keyword, property.key));
        ORCH_ASSIGN_OR_RETURN(auto parsed, ParseShared(property.value));
        schema.properties.emplace_back(std::move(name), std::move(parsed));
      }
    } else if (keyword == "additionalProperties") {
      if (value.is_bool()) {
        schema.additional = value.AsBool();
      } else {
        ORCH_ASSIGN_OR_RETURN(schema.additional_schema, ParseShared(value));
      }
    } else if (keyword == "items") {
      ORCH_ASSIGN_OR_RETURN(schema.items, ParseShared(value));
    } else if (keyword == "oneOf" || keyword == "anyOf") {
      if (!value.is_list()) return Bad(keyword, "must be a list of schemas");
      for (const Value& item : value.items()) {
        ORCH_ASSIGN_OR_RETURN(auto parsed, ParseShared(item));
        schema.any_of.push_back(std::move(parsed));
      }
    } else if (keyword == "pattern") {
      ORCH_ASSIGN_OR_RETURN(schema.pattern_text, TextOf(keyword, value));
      ORCH_ASSIGN_OR_RETURN(schema.pattern, expression::Regex::Compile(schema.pattern_text));
    } else if (keyword == "minimum" || keyword == "maximum") {
      if (!value.is_number()) return Bad(keyword, "must be a number");
      (keyword == "minimum" ? schema.minimum : schema.maximum) = value.AsDouble();
    } else if (keyword == "minItems") {
      if (!value.is_integer()) return Bad(keyword, "must be an integer");
      schema.min_items = value.AsInt();
    } else if (keyword == "format") {
      ORCH_ASSIGN_OR_RETURN(schema.format, TextOf(keyword, value));
    } else if (keyword == "default") {
      schema.default_value = value;
    } else if (keyword == "title") {
      ORCH_ASSIGN_OR_RETURN(schema.title, TextOf(keyword, value));
    } else if (keyword == "description") {
      ORCH_ASSIGN_OR_RETURN(schema.description, TextOf(keyword, value));
    } else if (keyword == "$dynamic" || keyword == "deprecated" || keyword == "$deprecated") {
      if (!value.is_bool()) return Bad(keyword, "must be true or false");
      (keyword == "$dynamic" ? schema.dynamic : schema.deprecated) = value.AsBool();
    }
  }
  return schema;
}

}  // namespace orch::flow
