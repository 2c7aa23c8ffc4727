// The reading half of date_format.h, and the patterns both halves share.
#include <algorithm>
#include <array>
#include <utility>

#include "expression/date_format.h"
#include "expression/date_names.h"
#include "expression/date_pattern.h"
#include "expression/errors.h"

namespace orch::expression {
namespace {

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

struct Reader {
  std::string_view text;
  size_t at = 0;

  bool Literal(std::string_view literal) {
    if (text.substr(at, literal.size()) != literal) return false;
    at += literal.size();
    return true;
  }
  std::optional<int64_t> Digits(int least, int most) {
    int64_t value = 0;
    int count = 0;
    while (count < most && at < text.size() && text[at] >= '0' && text[at] <= '9') {
      value = value * 10 + (text[at++] - '0');
      ++count;
    }
    return count < least ? std::nullopt : std::optional(value);
  }
  template <size_t N>
  std::optional<int> OneOf(const std::array<std::string_view, N>& names) {
    int best = -1;
    for (size_t i = 0; i < N; ++i) {
      if (text.substr(at, names[i].size()) == names[i] &&
          (best < 0 || names[i].size() > names[static_cast<size_t>(best)].size())) {
        best = static_cast<int>(i);
      }
    }
    if (best < 0) return std::nullopt;
    at += names[static_cast<size_t>(best)].size();
    return best;
  }
};

std::optional<absl::CivilDay> RealDay(int64_t year, int64_t month, int64_t day, bool clamp) {
  if (month < 1 || month > 12 || day < 1 || day > 31) return std::nullopt;
  const absl::CivilDay real(year, static_cast<int>(month), static_cast<int>(day));
  if (real.month() == month) return real;
  if (!clamp) return std::nullopt;
  return absl::CivilDay(absl::CivilMonth(year, static_cast<int>(month)) + 1) - 1;
}

std::optional<absl::CivilDay> IsoDay(Reader& reader) {
  bool negative = false;
  if (reader.Literal("-")) {
    negative = true;
  } else {
    reader.Literal("+");
  }
  const auto year = reader.Digits(4, 9);
  if (!year || !reader.Literal("-")) return std::nullopt;
  const auto month = reader.Digits(2, 2);
  if (!month || !reader.Literal("-")) return std::nullopt;
  const auto day = reader.Digits(2, 2);
  if (!day) return std::nullopt;
  return RealDay(negative ? -*year : *year, *month, *day, /*clamp=*/false);
}

std::optional<LocalDateTime> IsoLocal(Reader& reader) {
  const auto day = IsoDay(reader);
  if (!day || !(reader.Literal("T") || reader.Literal("t"))) return std::nullopt;
  const auto hour = reader.Digits(2, 2);
  if (!hour || !reader.Literal(":")) return std::nullopt;
  const auto minute = reader.Digits(2, 2);
  if (!minute) return std::nullopt;
  int64_t second = 0;
  int nanos = 0;
  if (reader.Literal(":")) {
    const auto digits = reader.Digits(2, 2);
    if (!digits) return std::nullopt;
    second = *digits;
    if (reader.Literal(".")) {
      const size_t from = reader.at;
      const auto fraction = reader.Digits(0, 9);
      int64_t value = *fraction;
      for (size_t i = reader.at - from; i < 9; ++i) value *= 10;
      nanos = static_cast<int>(value);
    }
  }
  if (*hour > 23 || *minute > 59 || second > 59) return std::nullopt;
  return LocalDateTime{
      absl::CivilSecond(day->year(), day->month(), day->day(), *hour, *minute, second), nanos};
}

// What the fields of a pattern have said so far.
struct Found {
  std::optional<int64_t> year, month, day, day_of_year, hour, hour12, minute, second;
  std::optional<int> nanos, offset;
  bool pm = false;
  bool has_half = false;
  std::string zone;
};

// An offset or a zone name at the reader.
bool ReadZone(Reader& reader, char letter, Found& found) {
  const size_t from = reader.at;
  size_t end = from;
  while (end < reader.text.size() &&
         (IsLetter(reader.text[end]) ||
          std::string_view("+-:/_0123456789").find(reader.text[end]) != std::string_view::npos)) {
    ++end;
  }
  std::string name(reader.text.substr(from, end - from));
  const bool numeric = letter == 'X' || letter == 'x' || letter == 'Z';
  if (numeric && !(name.starts_with("+") || name.starts_with("-") || name.starts_with("Z")))
    return false;
  for (; !name.empty(); name.pop_back()) {
    if (const auto zone = LoadZone(name); zone.ok()) {
      found.zone = name;
      reader.at = from + name.size();
      return true;
    }
  }
  return false;
}

bool ReadField(Reader& reader, const PatternPiece& piece, bool next_is_field, Found& found) {
  const DateNames& names = DateNamesOf("en");
  const int n = piece.count;
  // Adjacent numbers have fixed widths; otherwise one letter takes as many digits as there are.
  const int most = n == 1 ? (next_is_field ? 1 : 19) : n;
  const auto number = [&](std::optional<int64_t>& to, int least, int limit) {
    to = reader.Digits(least, limit);
    return to.has_value();
  };
  switch (piece.letter) {
    case 'y':
    case 'u':
      if (n == 2) {
        if (!number(found.year, 2, 2)) return false;
        *found.year += 2000;
        return true;
      }
      return number(found.year, n, next_is_field ? n : std::max(n, 10));
    case 'M':
    case 'L':
      if (n >= 3) {
        const auto month = n == 3 ? reader.OneOf(names.short_months) : reader.OneOf(names.months);
        if (month) found.month = *month + 1;
        return month.has_value();
      }
      return number(found.month, n, n == 1 ? std::min(most, 2) : n);
    case 'd': return number(found.day, n, n == 1 ? std::min(most, 2) : n);
    case 'D': return number(found.day_of_year, n, n == 1 ? std::min(most, 3) : n);
    case 'E':
      return n <= 3 ? reader.OneOf(names.short_days).has_value()
                    : reader.OneOf(names.days).has_value();
    case 'H': return number(found.hour, n, n == 1 ? 2 : n);
    case 'k':
      if (!number(found.hour, n, n == 1 ? 2 : n)) return false;
      *found.hour %= 24;
      return true;
    case 'h':
    case 'K': return number(found.hour12, n, n == 1 ? 2 : n);
    case 'm': return number(found.minute, n, n == 1 ? 2 : n);
    case 's': return number(found.second, n, n == 1 ? 2 : n);
    case 'S': {
      const size_t from = reader.at;
      auto digits = reader.Digits(n, n);
      if (!digits) return false;
      for (size_t i = reader.at - from; i < 9; ++i) *digits *= 10;
      found.nanos = static_cast<int>(*digits);
      return true;
    }
    case 'n': {
      const auto digits = reader.Digits(n, 9);
      if (digits) found.nanos = static_cast<int>(*digits);
      return digits.has_value();
    }
    case 'a':
      found.has_half = true;
      if (reader.Literal("PM")) return found.pm = true;
      return reader.Literal("AM");
    case 'X':
    case 'x':
    case 'Z':
    case 'V':
    case 'z':
    case 'O': return ReadZone(reader, piece.letter, found);
    default: return false;
  }
}

bool Readable(char letter) {
  return letter == 0 ||
         std::string_view("yuMLdDEHkhKmsSnaXxZVzO").find(letter) != std::string_view::npos;
}

}  // namespace

absl::StatusOr<std::vector<PatternPiece>> CutPattern(std::string_view pattern) {
  std::vector<PatternPiece> pieces;
  int depth = 0;
  int pad = 0;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (IsLetter(c)) {
      size_t end = i;
      while (end < pattern.size() && pattern[end] == c) ++end;
      const int count = static_cast<int>(end - i);
      i = end - 1;
      if (c == 'p') {
        pad = count;
        continue;
      }
      if (count > 19) return BadDatePattern(pattern, "too many letters in a row");
      pieces.push_back({c, count, std::exchange(pad, 0), "", depth});
    } else if (c == '\'') {
      std::string literal;
      size_t at = i + 1;
      bool closed = false;
      for (; at < pattern.size(); ++at) {
        if (pattern[at] != '\'') {
          literal.push_back(pattern[at]);
        } else if (at + 1 < pattern.size() && pattern[at + 1] == '\'') {
          literal.push_back('\'');
          ++at;
        } else {
          closed = true;
          break;
        }
      }
      if (!closed) return BadDatePattern(pattern, "a quote is open");
      pieces.push_back({0, 0, 0, at == i + 1 ? "'" : literal, depth});
      i = at;
    } else if (c == '[') {
      ++depth;
    } else if (c == ']') {
      if (--depth < 0) return BadDatePattern(pattern, "a bracket closes that was not opened");
    } else if (c == '{' || c == '}' || c == '#') {
      return BadDatePattern(pattern, "it holds a reserved character");
    } else {
      pieces.push_back({0, 0, 0, std::string(1, c), depth});
    }
  }
  if (pad != 0) return BadDatePattern(pattern, "padding needs a letter behind it");
  return pieces;
}

std::optional<LocalDateTime> ReadIsoLocal(std::string_view text) {
  Reader reader{text};
  const auto local = IsoLocal(reader);
  return reader.at == text.size() ? local : std::nullopt;
}

std::optional<absl::CivilDay> ReadIsoDate(std::string_view text) {
  Reader reader{text};
  const auto day = IsoDay(reader);
  return reader.at == text.size() ? day : std::nullopt;
}

std::optional<ZonedTime> ReadIsoZoned(std::string_view text) {
  Reader reader{text};
  const auto local = IsoLocal(reader);
  if (!local || reader.at == text.size()) return std::nullopt;
  std::string_view rest = text.substr(reader.at);
  std::string region;
  if (rest.back() == ']') {
    const size_t open = rest.find('[');
    if (open == std::string_view::npos) return std::nullopt;
    region = std::string(rest.substr(open + 1, rest.size() - open - 2));
    rest = rest.substr(0, open);
  }
  if (rest == "z") rest = "Z";
  if (rest.empty() && region.empty()) return std::nullopt;
  if (!rest.empty() && rest != "Z" && rest[0] != '+' && rest[0] != '-') return std::nullopt;
  const auto offset = LoadZone(rest.empty() ? region : rest);
  if (!offset.ok()) return std::nullopt;
  ZonedTime zoned{TimeOf(*local, offset->tz), offset->id};
  if (!region.empty()) {
    const auto zone = LoadZone(region);
    if (!zone.ok()) return std::nullopt;
    zoned.zone = zone->id;
  }
  return zoned;
}

absl::StatusOr<ParsedDate> ParseDate(std::string_view text, std::string_view pattern) {
  absl::StatusOr<std::vector<PatternPiece>> pieces = CutPattern(pattern);
  if (!pieces.ok()) return pieces.status();
  Reader reader{text};
  Found found;
  for (size_t i = 0; i < pieces->size(); ++i) {
    const PatternPiece& piece = (*pieces)[i];
    if (!Readable(piece.letter)) {
      return BadDatePattern(pattern, "unknown pattern letter: " + std::string(1, piece.letter));
    }
    const bool next_is_field = i + 1 < pieces->size() && (*pieces)[i + 1].letter != 0;
    const Reader before = reader;
    const bool read = piece.letter == 0 ? reader.Literal(piece.literal)
                                        : ReadField(reader, piece, next_is_field, found);
    if (read) continue;
    if (piece.optional_depth == 0) return BadDate(text);
    // The whole optional part is skipped.
    reader = before;
    while (i + 1 < pieces->size() && (*pieces)[i + 1].optional_depth >= piece.optional_depth) ++i;
  }
  if (reader.at != text.size()) return BadDate(text);
  ParsedDate parsed;
  if (found.day_of_year && found.year) {
    const absl::CivilDay day = absl::CivilDay(*found.year, 1, 1) + (*found.day_of_year - 1);
    if (day.year() != *found.year) return BadDate(text);
    parsed.day = day;
  } else {
    if (!found.year || !found.month || !found.day) return BadDate(text);
    const auto day = RealDay(*found.year, *found.month, *found.day, /*clamp=*/true);
    if (!day) return BadDate(text);
    parsed.day = *day;
  }
  if (found.hour12 && found.has_half) found.hour = *found.hour12 % 12 + (found.pm ? 12 : 0);
  if (found.hour) {
    const int64_t minute = found.minute.value_or(0);
    const int64_t second = found.second.value_or(0);
    if (*found.hour > 23 || minute > 59 || second > 59) return BadDate(text);
    parsed.local = LocalDateTime{absl::CivilSecond(parsed.day.year(), parsed.day.month(),
                                                   parsed.day.day(), *found.hour, minute, second),
                                 found.nanos.value_or(0)};
    if (!found.zone.empty()) {
      const auto zone = LoadZone(found.zone);
      if (!zone.ok()) return zone.status();
      parsed.time = TimeOf(*parsed.local, zone->tz);
    }
  }
  return parsed;
}

}  // namespace orch::expression
