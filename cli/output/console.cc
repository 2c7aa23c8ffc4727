#include "cli/output/console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace orch::cli {
namespace {

bool Set(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

}  // namespace

Console::Options Console::ForProcess() {
  Options options;
  const char* term = std::getenv("TERM");
  const bool able = term != nullptr && std::strcmp(term, "dumb") != 0 && !Set("CI");
  const bool wanted = able && !Set("NO_COLOR");
  const bool out = isatty(STDOUT_FILENO) != 0;
  const bool err = isatty(STDERR_FILENO) != 0;
  options.out_colors = out && wanted;
  options.talk_colors = err && wanted;
  options.live = err && able;
  winsize size;
  if (ioctl(err ? STDERR_FILENO : STDOUT_FILENO, TIOCGWINSZ, &size) == 0) {
    if (size.ws_col > 0) options.width = size.ws_col;
    if (size.ws_row > 0) options.height = size.ws_row;
  }
  return options;
}

void Console::Out(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

void Console::Say(std::string_view line) {
  std::string text(line);
  if (text.empty() || text.back() != '\n') text += '\n';
  Draw(text);
}

void Console::Draw(std::string_view bytes) {
  std::fflush(stdout);
  std::fwrite(bytes.data(), 1, bytes.size(), stderr);
  std::fflush(stderr);
}

}  // namespace orch::cli
