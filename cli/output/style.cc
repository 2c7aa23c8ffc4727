#include "cli/output/style.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace orch::cli {
namespace {

std::string_view CodeOf(Ink ink) {
  switch (ink) {
    case Ink::kPlain: return "";
    case Ink::kBold: return "\x1b[1m";
    case Ink::kDim: return "\x1b[2m";
    case Ink::kRed: return "\x1b[31m";
    case Ink::kGreen: return "\x1b[32m";
    case Ink::kYellow: return "\x1b[33m";
    case Ink::kBlue: return "\x1b[34m";
    case Ink::kCyan: return "\x1b[36m";
    case Ink::kMagenta: return "\x1b[35m";
  }
  return "";
}

// One step through a text: an escape sequence (no columns) or a character.
struct Step {
  size_t bytes = 1;
  size_t columns = 1;
};

Step StepAt(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  if (byte(at) == 0x1b && at + 1 < text.size() && text[at + 1] == '[') {
    size_t end = at + 2;
    while (end < text.size() && (byte(end) < 0x40 || byte(end) > 0x7e)) ++end;
    return {std::min(end + 1, text.size()) - at, 0};
  }
  size_t bytes = 1;
  uint32_t point = byte(at);
  if (point >= 0xf0) {
    bytes = 4;
    point &= 0x07;
  } else if (point >= 0xe0) {
    bytes = 3;
    point &= 0x0f;
  } else if (point >= 0xc0) {
    bytes = 2;
    point &= 0x1f;
  }
  bytes = std::min(bytes, text.size() - at);
  for (size_t i = 1; i < bytes; ++i) point = (point << 6) | (byte(at + i) & 0x3f);
  const bool combining = point >= 0x300 && point <= 0x36f;
  const bool wide = (point >= 0x1100 && point <= 0x115f) || (point >= 0x2e80 && point <= 0xa4cf) ||
                    (point >= 0xac00 && point <= 0xd7a3) || (point >= 0xf900 && point <= 0xfaff) ||
                    (point >= 0xfe30 && point <= 0xfe6f) || (point >= 0xff00 && point <= 0xff60) ||
                    (point >= 0x1f300 && point <= 0x1faff) ||
                    (point >= 0x20000 && point <= 0x3fffd);
  return {bytes, combining ? 0u : wide ? 2u : 1u};
}

}  // namespace

std::string Paint(std::string_view text, Ink ink, bool colors) {
  if (!colors || ink == Ink::kPlain) return std::string(text);
  return absl::StrCat(std::string(CodeOf(ink)), std::string(text), "\x1b[0m");
}

Ink InkOfState(std::string_view state) {
  if (state == "SUCCESS") return Ink::kGreen;
  if (state == "RUNNING" || state == "RESTARTED") return Ink::kBlue;
  if (state == "FAILED") return Ink::kRed;
  if (state == "WARNING" || state == "RETRYING" || state == "RETRIED") return Ink::kYellow;
  if (state == "KILLED" || state == "KILLING" || state == "CANCELLED") return Ink::kMagenta;
  if (state == "PAUSED" || state == "BREAKPOINT" || state == "QUEUED") return Ink::kCyan;
  return Ink::kDim;
}

std::string_view SignOfState(std::string_view state) {
  if (state == "SUCCESS") return "✓";
  if (state == "RUNNING" || state == "RESTARTED") return "●";
  if (state == "FAILED") return "✗";
  if (state == "WARNING") return "!";
  if (state == "KILLED" || state == "KILLING" || state == "CANCELLED") return "■";
  if (state == "PAUSED" || state == "BREAKPOINT") return "‖";
  if (state == "SKIPPED") return "-";
  if (state == "RETRYING" || state == "RETRIED" || state == "RESUBMITTED") return "↻";
  return "·";
}

size_t Columns(std::string_view text) {
  size_t columns = 0;
  for (size_t at = 0; at < text.size();) {
    const Step step = StepAt(text, at);
    columns += step.columns;
    at += step.bytes;
  }
  return columns;
}

std::string Fit(std::string_view text, size_t columns) {
  if (Columns(text) <= columns) return std::string(text);
  if (columns == 0) return "";
  std::string out;
  size_t used = 0;
  bool escaped = false;
  for (size_t at = 0; at < text.size();) {
    const Step step = StepAt(text, at);
    if (used + step.columns > columns - 1) break;
    escaped = escaped || (step.columns == 0 && text[at] == '\x1b');
    out.append(text.substr(at, step.bytes));
    used += step.columns;
    at += step.bytes;
  }
  out += "…";
  if (escaped) out += "\x1b[0m";
  return out;
}

std::string Visible(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<uint8_t>(text[i]);
    if ((c < 0x20 && c != '\t' && c != '\n') || c == 0x7f) {
      absl::StrAppendFormat(&out, "\\x%02x", c);
    } else if (c == 0xc2 && i + 1 < text.size() && static_cast<uint8_t>(text[i + 1]) < 0xa0) {
      absl::StrAppendFormat(&out, "\\x%02x", static_cast<uint8_t>(text[++i]));  // C1 controls
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace orch::cli
