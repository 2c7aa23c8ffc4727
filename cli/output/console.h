#pragma once

#include <string>
#include <string_view>

#include "cli/output/style.h"

namespace orch::cli {

// Console is where a command writes: data to one stream, talk to the other.
//
// Threads     Not thread-safe.
class Console {
 public:
  struct Options {
    bool out_colors = false;   // stdout is a terminal that wants colours.
    bool talk_colors = false;  // stderr likewise.
    bool live = false;         // stderr is a terminal whose lines can be drawn again.
    int width = 80;
    int height = 24;
  };
  explicit Console(Options options) : options_(options) {}
  virtual ~Console() = default;

  // The process's own streams. No colours when NO_COLOR is set or CI, or the stream is no terminal.
  static Options ForProcess();

  // Data, as it is.
  virtual void Out(std::string_view text);
  // Talk; a newline is added.
  virtual void Say(std::string_view line);
  // Talk, as it is: for lines that are drawn again.
  virtual void Draw(std::string_view bytes);

  const Options& options() const { return options_; }

 private:
  Options options_;
};

}  // namespace orch::cli
