#include "expression/date_format.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_format.h"
#include "expression/date_names.h"
#include "expression/date_pattern.h"
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
    case 'y':
    case 'u': return YearText(m.s.year(), count);
    case 'Y': {
      int64_t year = 0;
      SundayWeekOfYear(m.day(), &year);
      return YearText(year, count);
    }
    case 'G':
      return std::string(count == 4   ? (m.s.year() > 0 ? "Anno Domini" : "Before Christ")
                         : count == 5 ? (m.s.year() > 0 ? "A" : "B")
                                      : (m.s.year() > 0 ? "AD" : "BC"));
    case 'M':
    case 'L':
      if (count <= 2) return Padded(month, count);
      if (count == 3) return std::string(names.short_months[month - 1]);
      if (count == 4) return std::string(names.months[month - 1]);
      return count == 5 ? std::optional(Narrow(names.months[month - 1])) : std::nullopt;
    case 'Q':
    case 'q':
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
    case 'W':
      return count == 1 ? std::optional(Padded(SundayWeekOfMonth(m.day()), 1)) : std::nullopt;
    case 'F': return count == 1 ? std::optional(Padded((m.s.day() - 1) / 7 + 1, 1)) : std::nullopt;
    case 'e':
    case 'c':
      if (count == 1 || (count == 2 && letter == 'e'))
        return Padded((m.weekday() + 1) % 7 + 1, count);
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
      if (count == 1)
        return OffsetText(m.offset, z ? OffsetStyle::kShortestOrZ : OffsetStyle::kShortest);
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
      return count == 5 ? std::optional(OffsetText(m.offset, OffsetStyle::kColonOrZ))
                        : std::nullopt;
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

absl::StatusOr<std::string> ByPattern(const Moment& m, std::string_view pattern,
                                      const DateNames& names) {
  absl::StatusOr<std::vector<PatternPiece>> pieces = CutPattern(pattern);
  if (!pieces.ok()) return pieces.status();
  std::string out;
  for (const PatternPiece& piece : *pieces) {
    if (piece.letter == 0) {
      out += piece.literal;
      continue;
    }
    std::optional<std::string> text = Field(piece.letter, piece.count, m, names);
    if (!text) {
      return BadDatePattern(
          pattern,
          "unknown pattern letter: " + std::string(static_cast<size_t>(piece.count), piece.letter));
    }
    const size_t width = static_cast<size_t>(piece.pad);
    if (text->size() < width) text->insert(0, width - text->size(), ' ');
    out += *text;
  }
  return out;
}

// HH:mm:ss with as many digits of a fraction as there are.
std::string IsoTime(const Moment& m) {
  std::string text = absl::StrFormat("%02d:%02d:%02d", m.s.hour(), m.s.minute(), m.s.second());
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
    {"FULL",
     "EEEE, MMMM d, y 'at' h:mm:ss\xE2\x80\xAF"
     "a zzzz"},
    {"LONG",
     "MMMM d, y 'at' h:mm:ss\xE2\x80\xAF"
     "a z"},
    {"MEDIUM",
     "MMM d, y, h:mm:ss\xE2\x80\xAF"
     "a"},
    {"SHORT",
     "M/d/yy, h:mm\xE2\x80\xAF"
     "a"},
}};

std::optional<std::string> IsoNamed(std::string_view name, const Moment& m, absl::Time time) {
  const std::string date = DateText(m.day());
  const std::string clock = IsoTime(m);
  const std::string offset = OffsetText(m.offset, OffsetStyle::kColonOrZ);
  const std::string region = m.zone->region ? "[" + m.zone->id + "]" : "";
  if (name == "ISO_DATE_TIME" || name == "ISO_ZONED_DATE_TIME")
    return date + "T" + clock + offset + region;
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
    return absl::StrFormat(
        "%s, %d %s %04d %02d:%02d:%02d %s", std::string(names.short_days[m.weekday()]), m.s.day(),
        std::string(names.short_months[m.s.month() - 1]), m.s.year(), m.s.hour(), m.s.minute(),
        m.s.second(), m.offset == 0 ? "GMT" : OffsetText(m.offset, OffsetStyle::kCompact));
  }
  return std::nullopt;
}

}  // namespace

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

}  // namespace orch::expression
