#include "expression/time_zone.h"

#include <cstdlib>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace orch::expression {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// +h, +hh, +hh:mm, +hhmm, +hh:mm:ss, +hhmmss
std::optional<int> ReadOffset(std::string_view text) {
  if (text == "Z") return 0;
  if (text.size() < 2 || (text[0] != '+' && text[0] != '-')) return std::nullopt;
  std::string digits;
  bool colons = false;
  for (const char c : text.substr(1)) {
    if (c == ':') {
      colons = true;
      if (digits.size() % 2 != 0) return std::nullopt;
    } else if (IsDigit(c)) {
      digits.push_back(c);
    } else {
      return std::nullopt;
    }
  }
  if (text.back() == ':') return std::nullopt;
  if (digits.size() == 1 && !colons) digits.insert(0, "0");
  if (digits.size() != 2 && digits.size() != 4 && digits.size() != 6) return std::nullopt;
  digits.resize(6, '0');
  const int hours = std::atoi(digits.substr(0, 2).c_str());
  const int minutes = std::atoi(digits.substr(2, 2).c_str());
  const int seconds = std::atoi(digits.substr(4, 2).c_str());
  if (hours > 18 || minutes > 59 || seconds > 59) return std::nullopt;
  const int total = hours * 3600 + minutes * 60 + seconds;
  if (total > 18 * 3600) return std::nullopt;
  return text[0] == '-' ? -total : total;
}

}  // namespace

absl::StatusOr<Zone> LoadZone(std::string_view id) {
  if (id == "UTC" || id == "GMT" || id == "UT") {
    return Zone{std::string(id), absl::UTCTimeZone(), true};
  }
  if (const auto offset = ReadOffset(id)) {
    return Zone{*offset == 0 ? "Z" : OffsetText(*offset, OffsetStyle::kColonOrZ),
                absl::FixedTimeZone(*offset), false};
  }
  for (const std::string_view prefix : {"UTC", "GMT", "UT"}) {
    if (id.size() > prefix.size() && id.substr(0, prefix.size()) == prefix) {
      if (const auto offset = ReadOffset(id.substr(prefix.size()))) {
        std::string name(prefix);
        if (*offset != 0) name += OffsetText(*offset, OffsetStyle::kColon);
        return Zone{name, absl::FixedTimeZone(*offset), true};
      }
    }
  }
  absl::TimeZone tz;
  const bool named = !id.empty() && id[0] != '/' && id.find("..") == std::string_view::npos &&
                     id.find_first_not_of(
                         "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                         "0123456789/_+-") == std::string_view::npos;
  if (named && id != "localtime" &&
      absl::LoadTimeZone(absl::string_view(id.data(), id.size()), &tz)) {
    return Zone{std::string(id), tz, true};
  }
  return absl::InvalidArgumentError(absl::StrCat("Unknown time-zone ID: ", std::string(id)));
}

LocalDateTime LocalAt(absl::Time time, absl::TimeZone tz) {
  const absl::TimeZone::CivilInfo info = tz.At(time);
  return {info.cs, static_cast<int>(absl::ToInt64Nanoseconds(info.subsecond))};
}

absl::Time TimeOf(const LocalDateTime& local, absl::TimeZone tz) {
  return tz.At(local.second).pre + absl::Nanoseconds(local.nanosecond);
}

std::string OffsetText(int seconds, OffsetStyle style) {
  const bool z = style == OffsetStyle::kColonOrZ || style == OffsetStyle::kCompactOrZ ||
                 style == OffsetStyle::kShortestOrZ;
  if (seconds == 0 && z) return "Z";
  const char sign = seconds < 0 ? '-' : '+';
  const int absolute = std::abs(seconds);
  const int hours = absolute / 3600;
  const int minutes = absolute / 60 % 60;
  const int rest = absolute % 60;
  switch (style) {
    case OffsetStyle::kColonOrZ:
    case OffsetStyle::kColon: {
      std::string text = absl::StrFormat("%c%02d:%02d", sign, hours, minutes);
      if (rest != 0) text += absl::StrFormat(":%02d", rest);
      return text;
    }
    case OffsetStyle::kCompactOrZ:
    case OffsetStyle::kCompact: return absl::StrFormat("%c%02d%02d", sign, hours, minutes);
    default:
      return minutes == 0 ? absl::StrFormat("%c%02d", sign, hours)
                          : absl::StrFormat("%c%02d%02d", sign, hours, minutes);
  }
}

}  // namespace orch::expression
