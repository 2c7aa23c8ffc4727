// Log writes one line about what the program itself does to stderr, for whoever runs it.
//
//   Log(LogLevel::kWarning, "lease expired", {{"task_run", id.value()}, {"session", session}});
//
// An error is logged once, where it stops travelling. Not for the logs of tasks, which are data.
// Rooms that decide (engine/, flow/, expression/) log nothing.
//
// Time        Stamps each line with the wall time.
// Threads     Thread-safe; lines do not mix.
// Durability  Written before Log returns. What stderr does not take is lost.
#pragma once

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace orch {

enum class LogLevel { kDebug, kInfo, kWarning, kError, kOff };

enum class LogFormat {
  kText,  // 2026-01-01T12:00:00.000Z warning lease expired task_run=r1 session="a b"
  kJson,  // {"time":"…","level":"warning","message":"lease expired","task_run":"r1",…}
};

// A name and a value of a line. Values are strings, numbers or booleans.
class LogField {
 public:
  LogField(std::string_view key, std::string_view value) : key_(key), value_(value) {}
  LogField(std::string_view key, const std::string& value) : key_(key), value_(value) {}
  LogField(std::string_view key, const char* value) : key_(key), value_(value) {}
  LogField(std::string_view key, double value);
  template <std::same_as<bool> T>
  LogField(std::string_view key, T value)
      : key_(key), value_(value ? "true" : "false"), is_text_(false) {}
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  LogField(std::string_view key, T value)
      : key_(key), value_(std::to_string(value)), is_text_(false) {}

  const std::string& key() const { return key_; }
  const std::string& value() const { return value_; }
  bool is_text() const { return is_text_; }

 private:
  std::string key_;
  std::string value_;
  bool is_text_ = true;
};

// Writes a line if `level` is at least the one that was set. Control characters are escaped, so
// that a line is a line whatever the values hold.
void Log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});
void Log(LogLevel level, std::string_view message, const std::vector<LogField>& fields);

// From now on. The mains call this, once, after reading their configuration; before that kInfo and
// kText hold.
void SetLogLevel(LogLevel level_min);
void SetLogFormat(LogFormat format);

// Whether a line of this level would be written: for values that are dear to gather.
bool LogEnabled(LogLevel level);

}  // namespace orch
