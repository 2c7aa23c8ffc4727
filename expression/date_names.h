#pragma once

#include <array>
#include <string_view>

namespace orch::expression {

// The texts of one language, as CLDR has them.
struct DateNames {
  std::string_view language;
  std::array<std::string_view, 12> months;
  std::array<std::string_view, 12> short_months;
  std::array<std::string_view, 7> days;  // Monday first
  std::array<std::string_view, 7> short_days;
};

// The names for "fr", "fr_FR", "fr-FR", …; English for a language it does not know.
const DateNames& DateNamesOf(std::string_view locale);

}  // namespace orch::expression
