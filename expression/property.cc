#include "expression/property.h"

#include <array>
#include <utility>

namespace orch::expression {
namespace {

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// The parts of "A,B<C,D>" between the outermost commas.
std::vector<std::string_view> OuterParts(std::string_view text) {
  std::vector<std::string_view> parts;
  int depth = 0;
  size_t begin = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && text[i] == '<') ++depth;
    if (i < text.size() && text[i] == '>') --depth;
    if (i == text.size() || (text[i] == ',' && depth == 0)) {
      parts.push_back(Trimmed(text.substr(begin, i - begin)));
      begin = i + 1;
    }
  }
  return parts;
}

}  // namespace

TargetType TargetType::ListOf(TargetType element) {
  return {Kind::kList, {}, std::make_shared<const TargetType>(std::move(element))};
}

TargetType TargetType::MapOf(TargetType element) {
  return {Kind::kMap, {}, std::make_shared<const TargetType>(std::move(element))};
}

std::optional<TargetType> TargetType::Parse(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, Kind>, 17> kNames = {{
      {"Object", Kind::kAny},
      {"Any", Kind::kAny},
      {"String", Kind::kString},
      {"Integer", Kind::kInteger},
      {"Long", Kind::kLong},
      {"Float", Kind::kFloat},
      {"Double", Kind::kDouble},
      {"Boolean", Kind::kBoolean},
      {"Duration", Kind::kDuration},
      {"Instant", Kind::kInstant},
      {"ZonedDateTime", Kind::kZonedDateTime},
      {"OffsetDateTime", Kind::kZonedDateTime},
      {"LocalDateTime", Kind::kLocalDateTime},
      {"LocalDate", Kind::kLocalDate},
      {"URI", Kind::kUri},
      {"List", Kind::kList},
      {"Map", Kind::kMap},
  }};
  name = Trimmed(name);
  for (const auto& [known, kind] : kNames) {
    if (known == name) return Of(kind);
  }
  const size_t open = name.find('<');
  if (open == std::string_view::npos || name.back() != '>' || name.size() > 256)
    return std::nullopt;
  const std::string_view outer = name.substr(0, open);
  const auto parts = OuterParts(name.substr(open + 1, name.size() - open - 2));
  if (outer == "List" && parts.size() == 1) {
    auto element = Parse(parts[0]);
    return element ? std::optional(ListOf(*std::move(element))) : std::nullopt;
  }
  if (outer == "Map" && parts.size() == 2) {
    auto element = Parse(parts[1]);
    return element ? std::optional(MapOf(*std::move(element))) : std::nullopt;
  }
  return std::nullopt;
}

}  // namespace orch::expression
