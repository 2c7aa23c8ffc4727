#include "base/ids.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/errors.h"
#include "base/status_macros.h"

namespace orch {
namespace {

// Crockford's alphabet leaves out i, l, o and u, which are read wrongly.
constexpr std::string_view kAlphabet = "0123456789abcdefghjkmnpqrstvwxyz";
constexpr int kTimeBits = 48;
constexpr size_t kTimeCharacters = 10;  // 50 bits: two zeros, then the 48 of the time.

int ValueOf(char c) {
  const size_t value = kAlphabet.find(c);
  return value == std::string_view::npos ? -1 : static_cast<int>(value);
}

}  // namespace

std::string NewTimeId(absl::Time now, Random& random) {
  constexpr int64_t latest = (int64_t{1} << kTimeBits) - 1;
  uint64_t time = static_cast<uint64_t>(std::clamp<int64_t>(absl::ToUnixMillis(now), 0, latest));
  std::string id(kTimeIdSize, '0');
  for (size_t i = kTimeCharacters; i-- > 0; time >>= 5) id[i] = kAlphabet[time & 31];

  // 80 bits are sixteen characters of five bits: eight from each half.
  std::array<uint8_t, 10> chance;
  random.Fill(chance);
  size_t at = kTimeCharacters;
  for (size_t half = 0; half < chance.size(); half += 5) {
    uint64_t bits = 0;
    for (size_t i = 0; i < 5; ++i) bits = bits << 8 | chance[half + i];
    for (int shift = 35; shift >= 0; shift -= 5) id[at++] = kAlphabet[bits >> shift & 31];
  }
  return id;
}

std::string NewTimeId(Clock& clock, Random& random) { return NewTimeId(clock.Now(), random); }

absl::StatusOr<absl::Time> TimeOfId(std::string_view id) {
  if (id.size() != kTimeIdSize) return NotATimeId(id);
  int64_t time = 0;
  for (size_t i = 0; i < id.size(); ++i) {
    const int value = ValueOf(id[i]);
    if (value < 0) return NotATimeId(id);
    if (i < kTimeCharacters) time = time << 5 | value;
  }
  if (time >> kTimeBits != 0) return NotATimeId(id);
  return absl::FromUnixMillis(time);
}

absl::StatusOr<int> DayOfId(std::string_view id) {
  ORCH_ASSIGN_OR_RETURN(const absl::Time time, TimeOfId(id));
  return DayOf(time);
}

int DayOf(absl::Time time) {
  return static_cast<int>(absl::ToCivilDay(time, absl::UTCTimeZone()) - absl::CivilDay(1970, 1, 1));
}

}  // namespace orch
