#include "worker/runner/output_reader.h"

#include <string.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "absl/strings/str_format.h"
#include "worker/shim/protocol.h"

namespace orch::worker {
namespace {

using shim::Frame;

constexpr size_t kLineCharsMax = 10'240;
constexpr size_t kOrderBytesMax = 16 << 20;
constexpr int64_t kVarsBytesMax = 16 << 20;
constexpr size_t kMetricCountMax = 10'000;
constexpr size_t kNameBytesMax = 256;  // Of metrics and tags; longer ones are no names.
constexpr size_t kTagCountMax = 32;

v1::LogLevel LevelNamed(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return toupper(c); });
  if (name == "TRACE") return v1::TRACE;
  if (name == "DEBUG") return v1::DEBUG;
  if (name == "INFO") return v1::INFO;
  if (name == "WARN" || name == "WARNING") return v1::WARN;
  if (name == "ERROR") return v1::ERROR;
  return v1::LOG_LEVEL_UNSPECIFIED;
}

// Where character number `count` begins, or the end. A byte that is no part of a sequence counts.
size_t OffsetOf(std::string_view text, size_t count) {
  size_t at = 0;
  while (at < text.size() && count > 0) {
    ++at;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) ++at;
    --count;
  }
  return at;
}

}  // namespace

void AppendLine(v1::LogLevel level, std::string_view text, int64_t micros,
                std::vector<v1::LogLine>* lines) {
  do {
    const size_t size = text.size() <= kLineCharsMax ? text.size() : OffsetOf(text, kLineCharsMax);
    v1::LogLine line;
    line.set_micros(micros);
    line.set_level(level);
    line.set_text(MendedUtf8(text.substr(0, size)));
    lines->push_back(std::move(line));
    text.remove_prefix(size);
  } while (!text.empty());
}

OutputReader::OutputReader(secrets::Scrubber scrubber)
    : scrubber_(std::move(scrubber)), stdout_(scrubber_), stderr_(scrubber_) {}

void OutputReader::Feed(std::string_view bytes, std::vector<v1::LogLine>* lines) {
  pending_ += bytes;
  size_t at = 0;
  while (pending_.size() - at >= sizeof(Frame)) {
    Frame frame;
    memcpy(&frame, pending_.data() + at, sizeof(frame));
    if (pending_.size() - at - sizeof(frame) < frame.size) break;
    const std::string_view text(pending_.data() + at + sizeof(frame), frame.size);
    at += sizeof(frame) + frame.size;
    if (frame.stream == Frame::kGap) {
      Say(v1::WARN,
          absl::StrFormat("%d bytes of output were dropped: it exceeded what one attempt "
                          "may print",
                          frame.micros),
          0, lines);
      continue;
    }
    TakeText(frame.stream, text, (frame.flags & Frame::kPart) != 0, frame.micros, lines);
  }
  pending_.erase(0, at);
}

bool OutputReader::IsOrder(std::string_view line) {
  return line.size() >= 6 && line.starts_with("::{") && line.ends_with("}::");
}

void OutputReader::TakeText(uint8_t stream, std::string_view text, bool part, int64_t micros,
                            std::vector<v1::LogLine>* lines) {
  Line& line = stream == Frame::kStderr ? stderr_ : stdout_;
  const v1::LogLevel level = stream == Frame::kStderr ? v1::ERROR : stdout_level_;
  if (!line.begun) {
    line.begun = true;
    line.order = text.starts_with("::{");
  }
  if (line.order) {
    line.raw += text;
    if (part && line.raw.size() <= kOrderBytesMax) return;
    if (!part) {
      std::string_view whole = line.raw;
      if (whole.ends_with('\r')) whole.remove_suffix(1);
      if (IsOrder(whole)) {
        Obey(std::string(whole.substr(2, whole.size() - 4)), micros, lines);
        line.raw.clear();
        line.begun = line.order = false;
        return;
      }
    }
    line.order = false;
    std::string raw;
    raw.swap(line.raw);
    if (stream == Frame::kStderr) saw_stderr_ = true;
    Pour(&line, level, line.scrub.Feed(raw), !part, micros, lines);
  } else if (!part && !line.told && stream != Frame::kStderr && text == kDebugLinesFollow) {
    stdout_level_ = v1::DEBUG;
    line.begun = false;
    return;
  } else if (!part && !line.told && stream != Frame::kStderr && text == kInfoLinesFollow) {
    stdout_level_ = v1::INFO;
    line.begun = false;
    return;
  } else {
    if (stream == Frame::kStderr) saw_stderr_ = true;
    Pour(&line, level, line.scrub.Feed(text), !part, micros, lines);
  }
  if (!part) line.begun = line.told = false;
}

// Gives out whole lines; of an unfinished one, full pieces.
void OutputReader::Pour(Line* line, v1::LogLevel level, std::string text, bool last, int64_t micros,
                        std::vector<v1::LogLine>* lines) {
  line->clean += text;
  if (last) {
    line->clean += line->scrub.Finish();
    if (line->clean.ends_with('\r')) line->clean.pop_back();
    if (!line->clean.empty() || !line->told) AppendLine(level, line->clean, micros, lines);
    line->clean.clear();
    return;
  }
  while (line->clean.size() > kLineCharsMax * 4) {
    const size_t size = OffsetOf(line->clean, kLineCharsMax);
    AppendLine(level, std::string_view(line->clean).substr(0, size), micros, lines);
    line->clean.erase(0, size);
    line->told = true;
  }
}

void OutputReader::Say(v1::LogLevel level, std::string_view text, int64_t micros,
                       std::vector<v1::LogLine>* lines) {
  AppendLine(level, scrubber_.Scrub(text), micros, lines);
}

void OutputReader::Obey(const std::string& json, int64_t micros, std::vector<v1::LogLine>* lines) {
  const auto order = ReadJsonObject(json);
  if (!order.ok()) {
    Say(v1::WARN, absl::StrFormat("Invalid outputs: %s", std::string(order.status().message())),
        micros, lines);
    return;
  }
  if (const std::string* outputs = FindMember(*order, "outputs")) {
    const auto members = ReadJsonObject(*outputs);
    if (!members.ok()) {
      Say(v1::WARN, "Invalid outputs: 'outputs' is not an object", micros, lines);
    } else {
      for (const JsonMember& member : *members) {
        vars_bytes_ += static_cast<int64_t>(member.name.size() + member.value.size());
        auto it = std::find_if(vars_.begin(), vars_.end(),
                               [&](const JsonMember& var) { return var.name == member.name; });
        if (it != vars_.end()) {
          vars_bytes_ -= static_cast<int64_t>(it->name.size() + it->value.size());
          it->value = member.value;
        } else {
          vars_.push_back(member);
        }
        if (vars_bytes_ > kVarsBytesMax) {
          vars_too_large_ = true;
          vars_.clear();
          vars_bytes_ = 0;
        }
      }
    }
  }
  if (const std::string* metrics = FindMember(*order, "metrics")) {
    const auto items = ReadJsonList(*metrics);
    if (items.ok()) {
      for (const std::string& item : *items) AddMetric(item, micros);
    }
  }
  if (const std::string* logs = FindMember(*order, "logs")) {
    const auto items = ReadJsonList(*logs);
    for (size_t i = 0; items.ok() && i < items->size(); ++i) {
      const auto entry = ReadJsonObject((*items)[i]);
      const std::string* level = entry.ok() ? FindMember(*entry, "level") : nullptr;
      const std::string* message = entry.ok() ? FindMember(*entry, "message") : nullptr;
      const v1::LogLevel named = level == nullptr ? v1::LOG_LEVEL_UNSPECIFIED
                                                  : LevelNamed(StringText(*level).value_or(""));
      if (message == nullptr || named == v1::LOG_LEVEL_UNSPECIFIED) {
        Say(v1::WARN, "Invalid log entry: it needs a 'level' and a 'message'", micros, lines);
        continue;
      }
      Say(named, ScalarText(*message).value_or(""), micros, lines);
    }
  }
}

void OutputReader::AddMetric(const std::string& json, int64_t micros) {
  const auto members = ReadJsonObject(json);
  if (!members.ok() || metrics_.size() >= kMetricCountMax) return;
  const auto text = [&](std::string_view name) {
    const std::string* value = FindMember(*members, name);
    return value == nullptr ? std::string() : ScalarText(*value).value_or("");
  };
  v1::Metric metric;
  metric.set_name(MendedUtf8(scrubber_.Scrub(text("name"))));
  metric.set_type(text("type"));
  if (metric.name().empty() || metric.name().size() > kNameBytesMax ||
      (metric.type() != "counter" && metric.type() != "timer" && metric.type() != "gauge")) {
    return;
  }
  metric.set_value(std::strtod(text("value").c_str(), nullptr));
  metric.set_micros(micros);
  if (const std::string* tags = FindMember(*members, "tags")) {
    const auto pairs = ReadJsonObject(*tags);
    for (size_t i = 0; pairs.ok() && i < pairs->size() && i < kTagCountMax; ++i) {
      const std::string value = scrubber_.Scrub(ScalarText((*pairs)[i].value).value_or(""));
      if ((*pairs)[i].name.size() > kNameBytesMax || value.size() > kNameBytesMax) continue;
      v1::Label& tag = *metric.add_tags();
      tag.set_key((*pairs)[i].name);
      tag.set_value(MendedUtf8(value));
    }
  }
  metrics_.push_back(std::move(metric));
}

}  // namespace orch::worker
