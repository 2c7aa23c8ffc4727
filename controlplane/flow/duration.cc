#include "controlplane/flow/duration.h"

#include <cctype>
#include <cstdint>
#include <string>

#include "absl/strings/numbers.h"

namespace orch::flow {
namespace {

// Reads `[+-]digits[.digits]` from the front of `text`.
std::optional<absl::Duration> TakeNumber(std::string_view* text, absl::Duration unit,
                                         bool fraction_allowed) {
  size_t i = 0;
  bool negative = false;
  if (i < text->size() && ((*text)[i] == '-' || (*text)[i] == '+')) negative = (*text)[i++] == '-';
  const size_t digits_from = i;
  while (i < text->size() && std::isdigit(static_cast<unsigned char>((*text)[i]))) ++i;
  int64_t whole = 0;
  const std::string_view digits = text->substr(digits_from, i - digits_from);
  if (digits.empty() || digits.size() > 15 ||
      !absl::SimpleAtoi(absl::string_view(digits.data(), digits.size()), &whole)) {
    return std::nullopt;
  }
  absl::Duration value = whole * unit;
  if (i < text->size() && (*text)[i] == '.') {
    if (!fraction_allowed) return std::nullopt;
    const size_t fraction_from = ++i;
    int64_t nanos = 0;
    int places = 0;
    for (; i < text->size() && std::isdigit(static_cast<unsigned char>((*text)[i])); ++i) {
      if (places < 9) nanos = nanos * 10 + ((*text)[i] - '0'), ++places;
    }
    if (i == fraction_from) return std::nullopt;
    for (; places < 9; ++places) nanos *= 10;
    value += absl::Nanoseconds(nanos);
  }
  text->remove_prefix(i);
  return negative ? -value : value;
}

std::optional<absl::Duration> ParseIso(std::string_view text) {
  const bool negative = text.front() == '-';
  if (negative || text.front() == '+') text.remove_prefix(1);
  if (text.empty() || (text.front() != 'P' && text.front() != 'p')) return std::nullopt;
  text.remove_prefix(1);
  static constexpr char kTimeLetters[] = "HMS";
  absl::Duration total;
  bool in_time = false;
  size_t next_letter = 0;
  int part_count = 0;
  while (!text.empty()) {
    if (!in_time && (text.front() == 'T' || text.front() == 't')) {
      in_time = true;
      text.remove_prefix(1);
      if (text.empty()) return std::nullopt;
      continue;
    }
    const bool maybe_seconds = in_time && text.find_first_of("Ss") != std::string_view::npos;
    std::string_view rest = text;
    // The unit is behind the number, so the number is read as whole units of one first.
    const auto number = TakeNumber(&rest, absl::Seconds(1), maybe_seconds);
    if (!number || rest.empty()) return std::nullopt;
    const char letter = static_cast<char>(std::toupper(static_cast<unsigned char>(rest.front())));
    const bool has_fraction =
        text.substr(0, text.size() - rest.size()).find('.') != std::string_view::npos;
    rest.remove_prefix(1);
    text = rest;
    ++part_count;
    if (!in_time) {
      if (letter != 'D' || part_count > 1) return std::nullopt;
      total += *number * 86'400;
      continue;
    }
    size_t at = next_letter;
    while (at < 3 && kTimeLetters[at] != letter) ++at;
    if (at == 3 || (has_fraction && letter != 'S')) return std::nullopt;
    next_letter = at + 1;
    total += letter == 'H' ? *number * 3'600 : letter == 'M' ? *number * 60 : *number;
  }
  if (part_count == 0) return std::nullopt;
  return negative ? -total : total;
}

}  // namespace

std::optional<absl::Duration> ParseDuration(std::string_view text) {
  if (text.empty()) return std::nullopt;
  const char second = text.size() > 1 ? text[1] : ' ';
  const char first = text.front();
  if (first == 'P' || first == 'p' ||
      ((first == '-' || first == '+') && (second == 'P' || second == 'p'))) {
    return ParseIso(text);
  }
  const auto seconds = TakeNumber(&text, absl::Seconds(1), /*fraction_allowed=*/true);
  return text.empty() ? seconds : std::nullopt;
}

}  // namespace orch::flow
