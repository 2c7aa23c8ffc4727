#include "controlplane/flow/date_text.h"

#include <cstdint>

#include "absl/strings/str_format.h"

namespace orch::flow {
namespace {

// Reads a text from left to right and remembers where it stopped fitting.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool Digits(int count, int* value) {
    *value = 0;
    for (int i = 0; i < count; ++i) {
      if (!IsDigit()) return false;
      *value = *value * 10 + (text_[at_++] - '0');
    }
    return true;
  }
  bool Char(char wanted, char other = 0) {
    if (at_ >= text_.size() || (text_[at_] != wanted && (other == 0 || text_[at_] != other)))
      return false;
    ++at_;
    return true;
  }
  // The digits after a point, as nanoseconds; at least one and at most nine.
  bool Fraction(int64_t* nanos) {
    *nanos = 0;
    int count = 0;
    for (; IsDigit() && count < 9; ++count) *nanos = *nanos * 10 + (text_[at_++] - '0');
    if (count == 0) return false;
    for (; count < 9; ++count) *nanos *= 10;
    return true;
  }
  bool AtEnd() const { return at_ == text_.size(); }
  size_t at() const { return at_; }

  absl::Status Bad(size_t index) const {
    return absl::InvalidArgumentError(absl::StrFormat("Text '%s' could not be parsed at index %d",
                                                      std::string(text_.substr(0, 200)), index));
  }
  absl::Status Bad() const { return Bad(at_); }

 private:
  bool IsDigit() const { return at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; }

  std::string_view text_;
  size_t at_ = 0;
};

bool Day(Scanner* in, absl::CivilDay* day, bool* exists) {
  int year = 0, month = 0, date = 0;
  if (!in->Digits(4, &year) || !in->Char('-') || !in->Digits(2, &month) || !in->Char('-') ||
      !in->Digits(2, &date)) {
    return false;
  }
  *day = absl::CivilDay(year, month, date);
  *exists = day->year() == year && day->month() == month && day->day() == date;
  return true;
}

// HH:mm, then :ss[.n]; `exists` is false for 25:00.
bool TimeOfDay(Scanner* in, bool seconds_required, absl::Duration* time, bool* exists) {
  int hour = 0, minute = 0, second = 0;
  int64_t nanos = 0;
  if (!in->Digits(2, &hour) || !in->Char(':') || !in->Digits(2, &minute)) return false;
  if (in->Char(':')) {
    if (!in->Digits(2, &second)) return false;
    if (in->Char('.') && !in->Fraction(&nanos)) return false;
  } else if (seconds_required) {
    return false;
  }
  *exists = hour < 24 && minute < 60 && second < 60;
  *time =
      absl::Hours(hour) + absl::Minutes(minute) + absl::Seconds(second) + absl::Nanoseconds(nanos);
  return true;
}

}  // namespace

absl::StatusOr<absl::Time> ParseInstant(std::string_view text) {
  Scanner in(text);
  absl::CivilDay day;
  absl::Duration time;
  bool day_exists = false, time_exists = false;
  if (!Day(&in, &day, &day_exists)) return in.Bad(in.at() < 4 ? 0 : in.at());
  if (!in.Char('T', 't') || !TimeOfDay(&in, /*seconds_required=*/true, &time, &time_exists))
    return in.Bad();
  absl::Duration offset;
  if (!in.Char('Z', 'z')) {
    const bool negative = in.Char('-');
    int hours = 0, minutes = 0;
    if ((!negative && !in.Char('+')) || !in.Digits(2, &hours)) return in.Bad();
    if (in.Char(':') && !in.Digits(2, &minutes)) return in.Bad();
    if (hours > 18 || minutes > 59) return in.Bad(0);
    offset = absl::Hours(hours) + absl::Minutes(minutes);
    if (negative) offset = -offset;
  }
  if (!in.AtEnd()) return in.Bad();
  if (!day_exists || !time_exists) return in.Bad(0);
  return absl::FromCivil(day, absl::UTCTimeZone()) + time - offset;
}

absl::StatusOr<absl::CivilDay> ParseDate(std::string_view text) {
  Scanner in(text);
  absl::CivilDay day;
  bool exists = false;
  if (!Day(&in, &day, &exists)) return in.Bad(in.at() < 4 ? 0 : in.at());
  if (!in.AtEnd()) return in.Bad();
  if (!exists) return in.Bad(0);
  return day;
}

absl::StatusOr<absl::Duration> ParseTimeOfDay(std::string_view text) {
  Scanner in(text);
  absl::Duration time;
  bool exists = false;
  if (!TimeOfDay(&in, /*seconds_required=*/false, &time, &exists))
    return in.Bad(in.at() < 2 ? 0 : in.at());
  if (!in.AtEnd()) return in.Bad();
  if (!exists) return in.Bad(0);
  return time;
}

namespace {

std::string Fraction(int64_t nanos) {
  if (nanos == 0) return "";
  std::string digits = absl::StrFormat("%09d", nanos);
  while (digits.size() > 3 && digits.substr(digits.size() - 3) == "000")
    digits.resize(digits.size() - 3);
  return "." + digits;
}

}  // namespace

std::string InstantIso(absl::Time time, bool micros) {
  const absl::CivilSecond second = absl::ToCivilSecond(time, absl::UTCTimeZone());
  const int64_t nanos =
      absl::ToInt64Nanoseconds(time - absl::FromCivil(second, absl::UTCTimeZone()));
  const std::string fraction = micros ? absl::StrFormat(".%06d", nanos / 1000) : Fraction(nanos);
  return absl::StrFormat("%04d-%02d-%02dT%02d:%02d:%02d%sZ", second.year(), second.month(),
                         second.day(), second.hour(), second.minute(), second.second(), fraction);
}

std::string TimeOfDayText(absl::Duration since_midnight) {
  const int64_t seconds = absl::ToInt64Seconds(since_midnight);
  const int64_t nanos = absl::ToInt64Nanoseconds(since_midnight - absl::Seconds(seconds));
  return absl::StrFormat("%02d:%02d:%02d%s", seconds / 3600, seconds / 60 % 60, seconds % 60,
                         Fraction(nanos));
}

}  // namespace orch::flow
