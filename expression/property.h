#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace orch::expression {

// TargetType is what the text of a property has to become.
struct TargetType {
  enum class Kind {
    kAny,
    kString,
    kInteger,
    kLong,
    kFloat,
    kDouble,
    kBoolean,
    kDuration,
    kInstant,
    kZonedDateTime,
    kLocalDateTime,
    kLocalDate,
    kUri,
    kEnum,
    kList,
    kMap,
  };
  Kind kind = Kind::kAny;
  std::vector<std::string> enum_names;        // kEnum; exact spelling
  std::shared_ptr<const TargetType> element;  // kList, kMap: of the values; none means kAny

  static TargetType Of(Kind kind) { return {kind, {}, nullptr}; }
  static TargetType Enum(std::vector<std::string> names) {
    return {Kind::kEnum, std::move(names), nullptr};
  }
  static TargetType ListOf(TargetType element);
  static TargetType MapOf(TargetType element);  // Keys are text.

  // Reads "Integer", "List<String>", "Map<String,Object>", …; nullopt for a name it does not know,
  // so that the caller can look for an enum.
  static std::optional<TargetType> Parse(std::string_view name);
};

}  // namespace orch::expression
