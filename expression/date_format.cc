#include "expression/date_format.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_format.h"
#include "expression/date_names.h"
#include "expression/errors.h"
#include "expression/text.h"
#include "expression/utf16.h"

namespace orch::expression {
namespace {

// One moment, as the letters of a pattern see it.
struct Moment {
  absl::CivilSecond s;
  int nanos = 0;
  int offset = 0;
  const Zone* zone = nullptr;
  std::string abbreviation;

  absl::CivilDay day() const { return absl::CivilDay(s); }
  // 0 is Monday.
  int weekday() const { return static_cast<int>(absl::GetWeekday(day())); }
};

std::string Padded(int64_t value, int width) { return absl::StrFormat("%0*d", width, value); }

// Weeks that start on Sunday, the first of January's being week 1: en_US.
int SundayWeekOfYear(const absl::CivilDay& day, int64_t* year) {
  *year = day.year();
  const absl::CivilDay first(day.year(), 1, 1);
  const int lead = (static_cast<int>(absl::GetWeekday(first)) + 1) % 7;
  const int week = (static_cast<int>(day - first) + lead) / 7 + 1;
  const absl::CivilDay next(day.year() + 1, 1, 1);
  const int next_lead = (static_cast<int>(absl::GetWeekday(next)) + 1) % 7;
  if (next - day <= next_lead) {
    *year = day.year() + 1;
    return 1;
  }
  return week;
}

int SundayWeekOfMonth(const absl::CivilDay& day) {
  const absl::CivilDay first(day.year(), day.month(), 1);
  const int lead = (static_cast<int>(absl::GetWeekday(first)) + 1) % 7;
  return (day.day() - 1 + lead) / 7 + 1;
}

void IsoWeek(const absl::CivilDay& day, int64_t* year, int* week) {
  // The week belongs to the year of its Thursday.
  const absl::CivilDay thursday = day + (3 - static_cast<int>(absl::GetWeekday(day)));
  *year = thursday.year();
  *week = (absl::GetYearDay(thursday) - 1) / 7 + 1;
}

std::string Narrow(std::string_view name) {
  size_t at = 0;
  std::string out;
  AppendUtf8(&out, UpperOf(NextCodePoint(name, &at)));
  return out;
}

std::string YearText(int64_t year, int width) {
  if (width == 2) return Padded(((year % 100) + 100) % 100, 2);
  std::string text = Padded(year, width);
  if (width >= 4 && year > 9999) text = "+" + text;
  return text;
}

std::string NanoFraction(const Moment& m, int digits) {
  std::string text = absl::StrFormat("%09d", m.nanos);
  text.resize(static_cast<size_t>(std::max(digits, 1)), '0');
  return text;
}

// The text of `count` letters `letter`; nullopt if there is no such letter.
std::optional<std::string> Field(char letter, int count, const Moment& m, const DateNames& names) {
  const int month = m.s.month();
  const auto quarter = (month - 1) / 3 + 1;
  switch (letter) {
    case 'y': case 'u': return YearText(m.s.year(), count);
    case 'Y': {
      int64_t year = 0;
      SundayWeekOfYear(m.day(), &year);
      return YearText(year, count);
    }
    case 'G':
      return std::string(count == 4   ? (m.s.year() > 0 ? "Anno Domini" : "Before Christ")
                         : count == 5 ? (m.s.year() > 0 ? "A" : "B")
                                      : (m.s.year() > 0 ? "AD" : "BC"));
    case 'M': case 'L':
      if (count <= 2) return Padded(month, count);
      if (count == 3) return std::string(names.short_months[month - 1]);
      if (count == 4) return std::string(names.months[month - 1]);
      return count == 5 ? std::optional(Narrow(names.months[month - 1])) : std::nullopt;
    case 'Q': case 'q':
      if (count <= 2) return Padded(quarter, count);
      if (count == 3) return "Q" + std::to_string(quarter);
      if (count == 4) {
        static constexpr std::string_view kOrdinals[] = {"1st", "2nd", "3rd", "4th"};
        return std::string(kOrdinals[quarter - 1]) + " quarter";
      }
      return count == 5 ? std::optional(std::to_string(quarter)) : std::nullopt;
    case 'd': return count <= 2 ? std::optional(Padded(m.s.day(), count)) : std::nullopt;
    case 'D':
      return count <= 3 ? std::optional(Padded(absl::GetYearDay(m.day()), count)) : std::nullopt;
    case 'w': {
      int64_t year = 0;
      return count <= 2 ? std::optional(Padded(SundayWeekOfYear(m.day(), &year), count))
                        : std::nullopt;
    }
    case 'W': return count == 1 ? std::optional(Padded(SundayWeekOfMonth(m.day()), 1)) : std::nullopt;
    case 'F': return count == 1 ? std::optional(Padded((m.s.day() - 1) / 7 + 1, 1)) : std::nullopt;
    case 'e': case 'c':
      if (count == 1 || (count == 2 && letter == 'e')) return Padded((m.weekday() + 1) % 7 + 1, count);
      if (count == 2) return std::nullopt;
      [[fallthrough]];
    case 'E':
      if (count <= 3) return std::string(names.short_days[m.weekday()]);
      if (count == 4) return std::string(names.days[m.weekday()]);
      return count == 5 ? std::optional(Narrow(names.days[m.weekday()])) : std::nullopt;
    case 'a':
      if (count != 1) return std::nullopt;
      return std::string(m.s.hour() < 12 ? "AM" : "PM");
    case 'B':
      if (m.s.hour() < 6 || m.s.hour() >= 21) return std::string("at night");
      return std::string(m.s.hour() < 12   ? "in the morning"
                         : m.s.hour() < 18 ? "in the afternoon"
                                           : "in the evening");
    case 'H': return count <= 2 ? std::optional(Padded(m.s.hour(), count)) : std::nullopt;
    case 'k':
      return count <= 2 ? std::optional(Padded(m.s.hour() == 0 ? 24 : m.s.hour(), count))
                        : std::nullopt;
    case 'K': return count <= 2 ? std::optional(Padded(m.s.hour() % 12, count)) : std::nullopt;
    case 'h':
      return count <= 2 ? std::optional(Padded((m.s.hour() + 11) % 12 + 1, count)) : std::nullopt;
    case 'm': return count <= 2 ? std::optional(Padded(m.s.minute(), count)) : std::nullopt;
    case 's': return count <= 2 ? std::optional(Padded(m.s.second(), count)) : std::nullopt;
    case 'S': return count <= 9 ? std::optional(NanoFraction(m, count)) : std::nullopt;
    case 'n': return Padded(m.nanos, count);
    case 'A':
    case 'N': {
      const int64_t seconds = m.s.hour() * 3600 + m.s.minute() * 60 + m.s.second();
      const int64_t nanos = seconds * 1'000'000'000 + m.nanos;
      return Padded(letter == 'A' ? nanos / 1'000'000 : nanos, count);
    }
    case 'X':
    case 'x': {
      const bool z = letter == 'X';
      if (count == 1) return OffsetText(m.offset, z ? OffsetStyle::kShortestOrZ : OffsetStyle::kShortest);
      if (count == 2 || count == 4) {
        return OffsetText(m.offset, z ? OffsetStyle::kCompactOrZ : OffsetStyle::kCompact);
      }
      if (count > 5) return std::nullopt;
      return OffsetText(m.offset, z ? OffsetStyle::kColonOrZ : OffsetStyle::kColon);
    }
    case 'Z':
      if (count <= 3) return OffsetText(m.offset, OffsetStyle::kCompact);
      if (count == 4) {
        return m.offset == 0 ? "GMT" : "GMT" + OffsetText(m.offset, OffsetStyle::kColon);
      }
      return count == 5 ? std::optional(OffsetText(m.offset, OffsetStyle::kColonOrZ)) : std::nullopt;
    case 'O': {
      if (count != 1 && count != 4) return std::nullopt;
      if (m.offset == 0) return std::string("GMT");
      if (count == 4) return "GMT" + OffsetText(m.offset, OffsetStyle::kColon);
      const int hours = std::abs(m.offset) / 3600;
      const int minutes = std::abs(m.offset) / 60 % 60;
      std::string text = absl::StrFormat("GMT%c%d", m.offset < 0 ? '-' : '+', hours);
      if (minutes != 0) text += absl::StrFormat(":%02d", minutes);
      return text;
    }
    case 'V': return count == 2 ? std::optional(m.zone->id) : std::nullopt;
    case 'z':
      if (count > 4) return std::nullopt;
      if (count < 4 || m.zone->id != "UTC") return m.abbreviation;
      return std::string("Coordinated Universal Time");
    default: return std::nullopt;
  }
}

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// A pattern, cut into literal texts (letter 0) and fields.
struct Piece {
  char letter = 0;
  int count = 0;
  int pad = 0;
  std::string literal;
  int optional_depth = 0;  // Inside how many brackets it stands.
};

absl::StatusOr<std::vector<Piece>> Cut(std::string_view pattern) {
  std::vector<Piece> pieces;
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

absl::StatusOr<std::string> ByPattern(const Moment& m, std::string_view pattern,
                                      const DateNames& names) {
  absl::StatusOr<std::vector<Piece>> pieces = Cut(pattern);
  if (!pieces.ok()) return pieces.status();
  std::string out;
  for (const Piece& piece : *pieces) {
    if (piece.letter == 0) {
      out += piece.literal;
      continue;
    }
    std::optional<std::string> text = Field(piece.letter, piece.count, m, names);
    if (!text) {
      return BadDatePattern(pattern, "unknown pattern letter: " +
                                         std::string(static_cast<size_t>(piece.count), piece.letter));
    }
    const size_t width = static_cast<size_t>(piece.pad);
    if (text->size() < width) text->insert(0, width - text->size(), ' ');
    out += *text;
  }
  return out;
}

// HH:mm:ss with as many digits of a fraction as there are.
std::string IsoTime(const Moment& m) {
  std::string text =
      absl::StrFormat("%02d:%02d:%02d", m.s.hour(), m.s.minute(), m.s.second());
  if (m.nanos != 0) {
    std::string fraction = absl::StrFormat(".%09d", m.nanos);
    fraction.erase(fraction.find_last_not_of('0') + 1);
    text += fraction;
  }
  return text;
}

std::string Upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
  }
  return out;
}

constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kNamedPatterns = {{
    {"ISO", "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX"},
    {"ISO_SEC", "yyyy-MM-dd'T'HH:mm:ssXXX"},
    {"SQL", "yyyy-MM-dd HH:mm:ss.SSSSSS"},
    {"SQL_SEQ", "yyyy-MM-dd HH:mm:ss"},
    {"FULL", "EEEE, MMMM d, y 'at' h:mm:ss\xE2\x80\xAF" "a zzzz"},
    {"LONG", "MMMM d, y 'at' h:mm:ss\xE2\x80\xAF" "a z"},
    {"MEDIUM", "MMM d, y, h:mm:ss\xE2\x80\xAF" "a"},
    {"SHORT", "M/d/yy, h:mm\xE2\x80\xAF" "a"},
}};

std::optional<std::string> IsoNamed(std::string_view name, const Moment& m, absl::Time time) {
  const std::string date = DateText(m.day());
  const std::string clock = IsoTime(m);
  const std::string offset = OffsetText(m.offset, OffsetStyle::kColonOrZ);
  const std::string region = m.zone->region ? "[" + m.zone->id + "]" : "";
  if (name == "ISO_DATE_TIME" || name == "ISO_ZONED_DATE_TIME") return date + "T" + clock + offset + region;
  if (name == "ISO_OFFSET_DATE_TIME") return date + "T" + clock + offset;
  if (name == "ISO_LOCAL_DATE_TIME") return date + "T" + clock;
  if (name == "ISO_LOCAL_DATE") return date;
  if (name == "ISO_LOCAL_TIME") return clock;
  if (name == "ISO_DATE" || name == "ISO_OFFSET_DATE") return date + offset;
  if (name == "ISO_TIME" || name == "ISO_OFFSET_TIME") return clock + offset;
  if (name == "ISO_INSTANT") return InstantText(time);
  if (name == "ISO_ORDINAL_DATE") {
    return absl::StrFormat("%04d-%03d", m.s.year(), absl::GetYearDay(m.day())) + offset;
  }
  if (name == "ISO_WEEK_DATE") {
    int64_t year = 0;
    int week = 0;
    IsoWeek(m.day(), &year, &week);
    return absl::StrFormat("%04d-W%02d-%d", year, week, m.weekday() + 1) + offset;
  }
  if (name == "BASIC_ISO_DATE") {
    return absl::StrFormat("%04d%02d%02d", m.s.year(), m.s.month(), m.s.day()) +
           OffsetText(m.offset, OffsetStyle::kCompactOrZ);
  }
  if (name == "RFC_1123_DATE_TIME") {
    const DateNames& names = DateNamesOf("en");
    return absl::StrFormat("%s, %d %s %04d %02d:%02d:%02d %s",
                           std::string(names.short_days[m.weekday()]), m.s.day(),
                           std::string(names.short_months[m.s.month() - 1]), m.s.year(), m.s.hour(),
                           m.s.minute(), m.s.second(),
                           m.offset == 0 ? "GMT" : OffsetText(m.offset, OffsetStyle::kCompact));
  }
  return std::nullopt;
}

// Reading -----------------------------------------------------------------------

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
  return LocalDateTime{absl::CivilSecond(day->year(), day->month(), day->day(), *hour, *minute, second),
                       nanos};
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
  while (end < reader.text.size() && (IsLetter(reader.text[end]) ||
                                      std::string_view("+-:/_0123456789").find(reader.text[end]) !=
                                          std::string_view::npos)) {
    ++end;
  }
  std::string name(reader.text.substr(from, end - from));
  const bool numeric = letter == 'X' || letter == 'x' || letter == 'Z';
  if (numeric && !(name.starts_with("+") || name.starts_with("-") || name.starts_with("Z"))) return false;
  for (; !name.empty(); name.pop_back()) {
    if (const auto zone = LoadZone(name); zone.ok()) {
      found.zone = name;
      reader.at = from + name.size();
      return true;
    }
  }
  return false;
}

bool ReadField(Reader& reader, const Piece& piece, bool next_is_field, Found& found) {
  const DateNames& names = DateNamesOf("en");
  const int n = piece.count;
  // Adjacent numbers have fixed widths; otherwise one letter takes as many digits as there are.
  const int most = n == 1 ? (next_is_field ? 1 : 19) : n;
  const auto number = [&](std::optional<int64_t>& to, int least, int limit) {
    to = reader.Digits(least, limit);
    return to.has_value();
  };
  switch (piece.letter) {
    case 'y': case 'u':
      if (n == 2) {
        if (!number(found.year, 2, 2)) return false;
        *found.year += 2000;
        return true;
      }
      return number(found.year, n, next_is_field ? n : std::max(n, 10));
    case 'M': case 'L':
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
    case 'h': case 'K': return number(found.hour12, n, n == 1 ? 2 : n);
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
    case 'X': case 'x': case 'Z': case 'V': case 'z': case 'O':
      return ReadZone(reader, piece.letter, found);
    default: return false;
  }
}

bool Readable(char letter) {
  return letter == 0 || std::string_view("yuMLdDEHkhKmsSnaXxZVzO").find(letter) != std::string_view::npos;
}

}  // namespace

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

absl::StatusOr<std::string> FormatDate(absl::Time time, const Zone& zone, std::string_view format,
                                       std::string_view locale) {
  const absl::TimeZone::CivilInfo info = zone.tz.At(time);
  Moment m;
  m.s = info.cs;
  m.nanos = static_cast<int>(absl::ToInt64Nanoseconds(info.subsecond));
  m.offset = info.offset;
  m.zone = &zone;
  m.abbreviation = info.zone_abbr;
  const DateNames& names = DateNamesOf(locale);
  const std::string name = Upper(format);
  for (const auto& [known, pattern] : kNamedPatterns) {
    if (name == known) return ByPattern(m, pattern, names);
  }
  if (std::optional<std::string> text = IsoNamed(name, m, time)) return *std::move(text);
  return ByPattern(m, format, names);
}

absl::StatusOr<ParsedDate> ParseDate(std::string_view text, std::string_view pattern) {
  absl::StatusOr<std::vector<Piece>> pieces = Cut(pattern);
  if (!pieces.ok()) return pieces.status();
  Reader reader{text};
  Found found;
  for (size_t i = 0; i < pieces->size(); ++i) {
    const Piece& piece = (*pieces)[i];
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
