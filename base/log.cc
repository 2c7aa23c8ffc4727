#include "base/log.h"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <atomic>
#include <memory>
#include <span>

#include "absl/strings/str_format.h"

namespace orch {
namespace {

constexpr const char* kTextPattern = "%Y-%m-%dT%H:%M:%S.%eZ %l %v";
constexpr const char* kJsonPattern = R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})";

// The one global of Orch, since stderr is one too. Never destroyed: threads may log until the end.
struct Output {
  Output() : logger("orch", std::make_shared<spdlog::sinks::stderr_sink_mt>()) {
    SetPattern(kTextPattern);
    logger.set_level(spdlog::level::info);
    logger.flush_on(spdlog::level::trace);
  }
  void SetPattern(const char* pattern) {
    logger.set_formatter(
        std::make_unique<spdlog::pattern_formatter>(pattern, spdlog::pattern_time_type::utc));
  }

  spdlog::logger logger;
  std::atomic<bool> is_json = false;
};

Output& TheOutput() {
  static Output* const output = new Output;
  return *output;
}

spdlog::level::level_enum LevelOf(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug: return spdlog::level::debug;
    case LogLevel::kInfo: return spdlog::level::info;
    case LogLevel::kWarning: return spdlog::level::warn;
    case LogLevel::kError: return spdlog::level::err;
    case LogLevel::kOff: return spdlog::level::off;
  }
  return spdlog::level::off;
}

// Escapes for JSON; text takes the same escapes. Bytes above ASCII pass: UTF-8 stays readable.
void AppendEscaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      absl::StrAppendFormat(&out, "\\u%04x", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
}

void AppendQuoted(std::string& out, std::string_view text) {
  out += '"';
  AppendEscaped(out, text);
  out += '"';
}

bool NeedsQuotes(std::string_view text) {
  if (text.empty()) return true;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == '"' || c == '=' || c == '\\' || c == 0x7f) {
      return true;
    }
  }
  return false;
}

std::string TextLine(std::string_view message, std::span<const LogField> fields) {
  std::string line;
  AppendEscaped(line, message);
  for (const LogField& field : fields) {
    line += ' ';
    line += field.key();
    line += '=';
    if (field.is_text() && NeedsQuotes(field.value())) {
      AppendQuoted(line, field.value());
    } else {
      line += field.value();
    }
  }
  return line;
}

std::string JsonLine(std::string_view message, std::span<const LogField> fields) {
  std::string line = "\"message\":";
  AppendQuoted(line, message);
  for (const LogField& field : fields) {
    line += ',';
    AppendQuoted(line, field.key());
    line += ':';
    if (field.is_text()) {
      AppendQuoted(line, field.value());
    } else {
      line += field.value();
    }
  }
  return line;
}

void Write(LogLevel level, std::string_view message, std::span<const LogField> fields) {
  if (!LogEnabled(level)) return;
  Output& output = TheOutput();
  const std::string line = output.is_json ? JsonLine(message, fields) : TextLine(message, fields);
  output.logger.log(LevelOf(level), spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace

LogField::LogField(std::string_view key, double value)
    : key_(key), value_(absl::StrFormat("%g", value)), is_text_(value - value != 0) {}

void Log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  Write(level, message, std::span(fields.begin(), fields.size()));
}

void Log(LogLevel level, std::string_view message, const std::vector<LogField>& fields) {
  Write(level, message, fields);
}

void SetLogLevel(LogLevel level_min) { TheOutput().logger.set_level(LevelOf(level_min)); }

void SetLogFormat(LogFormat format) {
  Output& output = TheOutput();
  output.is_json = format == LogFormat::kJson;
  output.SetPattern(format == LogFormat::kJson ? kJsonPattern : kTextPattern);
}

bool LogEnabled(LogLevel level) {
  return level != LogLevel::kOff && TheOutput().logger.should_log(LevelOf(level));
}

}  // namespace orch
