#include "controlplane/api/json/times.h"

#include "absl/strings/str_format.h"
#include "absl/time/time.h"

namespace orch::api::json {
namespace {

constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kSpanMax = int64_t{100} * 366 * 86'400 * kSecond;  // A century.

std::string Seconds(int64_t micros) {
  std::string text = absl::StrFormat("%d", micros / kSecond);
  if (micros % kSecond == 0) return text;
  std::string fraction = absl::StrFormat(".%06d", micros % kSecond);
  while (fraction.back() == '0') fraction.pop_back();
  return text + fraction;
}

}  // namespace

std::string InstantText(int64_t micros) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::FromUnixMicros(micros),
                          absl::UTCTimeZone());
}

std::optional<int64_t> ParseInstant(std::string_view text) {
  absl::Time time;
  std::string error;
  for (const char* format : {"%Y-%m-%d%ET%H:%M:%E*S%Ez", "%Y-%m-%d%ET%H:%M%Ez"}) {
    if (absl::ParseTime(format, absl::string_view(text.data(), text.size()), &time, &error)) {
      if (time == absl::InfiniteFuture() || time == absl::InfinitePast()) return std::nullopt;
      return absl::ToUnixMicros(time);
    }
  }
  return std::nullopt;
}

std::string SpanText(int64_t micros) {
  if (micros == 0) return "PT0S";
  std::string text = micros < 0 ? "-PT" : "PT";
  int64_t left = micros < 0 ? -micros : micros;
  if (const int64_t hours = left / (3'600 * kSecond); hours > 0) {
    text += absl::StrFormat("%dH", hours);
    left %= 3'600 * kSecond;
  }
  if (const int64_t minutes = left / (60 * kSecond); minutes > 0) {
    text += absl::StrFormat("%dM", minutes);
    left %= 60 * kSecond;
  }
  if (left > 0) text += Seconds(left) + "S";
  return text;
}

std::optional<int64_t> ParseSpan(std::string_view text) {
  bool negative = false;
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  if (text.size() < 3 || (text[0] != 'P' && text[0] != 'p')) return std::nullopt;
  text.remove_prefix(1);
  bool in_time = false, any = false;
  int last_rank = -1;
  int64_t total = 0;
  while (!text.empty()) {
    if (text[0] == 'T' || text[0] == 't') {
      if (in_time) return std::nullopt;
      in_time = true;
      text.remove_prefix(1);
      if (text.empty()) return std::nullopt;
      continue;
    }
    int64_t whole = 0, fraction = 0, scale = kSecond;
    size_t i = 0;
    for (; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i) {
      if (i >= 15) return std::nullopt;
      whole = whole * 10 + (text[i] - '0');
    }
    if (i == 0) return std::nullopt;
    bool fractional = false;
    if (i < text.size() && (text[i] == '.' || text[i] == ',')) {
      fractional = true;
      for (++i; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i) {
        if (scale > 1) {
          scale /= 10;
          fraction += (text[i] - '0') * scale;
        }
      }
    }
    if (i >= text.size()) return std::nullopt;
    int64_t unit = 0;
    int rank = 0;
    switch (text[i] & ~0x20) {
      case 'W':
        unit = in_time ? 0 : 7 * 86'400;
        rank = 0;
        break;
      case 'D':
        unit = in_time ? 0 : 86'400;
        rank = 1;
        break;
      case 'H':
        unit = in_time ? 3'600 : 0;
        rank = 2;
        break;
      case 'M':
        unit = in_time ? 60 : 0;
        rank = 3;
        break;
      case 'S':
        unit = in_time ? 1 : 0;
        rank = 4;
        break;
      default: break;
    }
    if (unit == 0 || rank <= last_rank || (fractional && rank != 4)) return std::nullopt;
    last_rank = rank;
    if (whole > kSpanMax / kSecond / unit) return std::nullopt;
    total += whole * unit * kSecond + fraction;
    if (total > kSpanMax) return std::nullopt;
    any = true;
    text.remove_prefix(i + 1);
  }
  if (!any) return std::nullopt;
  return negative ? -total : total;
}

}  // namespace orch::api::json
