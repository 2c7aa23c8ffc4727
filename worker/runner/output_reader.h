// OutputReader turns what a script printed into log lines, outputs and metrics.
//
// It is fed the bytes of an attempt's `output` file (worker/shim/protocol.h), in pieces of any
// size, and gives the same lines whenever it is fed the same bytes: that is how a restarted worker
// finds its place. Lines are scrubbed, split at 10,240 characters, and freed of what is no UTF-8. A
// line
// `::{…}::` is an order to the worker, and no line.
//
// Threads     Not thread-safe; hand it over whole.
// Memory      One unfinished line: 16 MiB of an order, else what the scrubber holds back. Outputs
// up
//             to 16 MiB; 10,000 metrics.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "orch/v1/worker.pb.h"
#include "secrets/scrubber.h"
#include "worker/runner/json.h"

namespace orch::worker {

class OutputReader {
 public:
  explicit OutputReader(secrets::Scrubber scrubber);

  // Appends the lines that `bytes` completes.
  void Feed(std::string_view bytes, std::vector<v1::LogLine>* lines);

  // The members that orders put into `vars`, later ones over earlier ones.
  const std::vector<JsonMember>& vars() const { return vars_; }
  bool vars_too_large() const { return vars_too_large_; }
  // Without token.
  const std::vector<v1::Metric>& metrics() const { return metrics_; }
  // Whether anything stood on stderr that was no order.
  bool saw_stderr() const { return saw_stderr_; }
  const secrets::Scrubber& scrubber() const { return scrubber_; }

 private:
  // A line of one stream that is not complete.
  struct Line {
    explicit Line(const secrets::Scrubber& scrubber) : scrub(scrubber) {}
    std::string raw;  // While it may become an order.
    bool order = false;
    bool begun = false;
    secrets::ScrubStream scrub;
    std::string clean;  // Scrubbed, less than a full line.
    bool told = false;  // A part of it has been told.
  };

  void TakeText(uint8_t stream, std::string_view text, bool part, int64_t micros,
                std::vector<v1::LogLine>* lines);
  void Pour(Line* line, v1::LogLevel level, std::string text, bool last, int64_t micros,
            std::vector<v1::LogLine>* lines);
  void Obey(const std::string& json, int64_t micros, std::vector<v1::LogLine>* lines);
  void AddMetric(const std::string& json, int64_t micros);
  void Say(v1::LogLevel level, std::string_view text, int64_t micros,
           std::vector<v1::LogLine>* lines);
  static bool IsOrder(std::string_view line);

  secrets::Scrubber scrubber_;
  std::string pending_;  // An incomplete frame.
  Line stdout_;
  Line stderr_;
  v1::LogLevel stdout_level_ = v1::INFO;
  std::vector<JsonMember> vars_;
  int64_t vars_bytes_ = 0;
  bool vars_too_large_ = false;
  std::vector<v1::Metric> metrics_;
  bool saw_stderr_ = false;
};

// Appends `text` as one line, or as several of at most 10,240 characters each. What is no UTF-8
// becomes U+FFFD.
void AppendLine(v1::LogLevel level, std::string_view text, int64_t micros,
                std::vector<v1::LogLine>* lines);

inline constexpr std::string_view kDebugLinesFollow = "##kestra:log:debug##";
inline constexpr std::string_view kInfoLinesFollow = "##kestra:log:info##";

}  // namespace orch::worker
