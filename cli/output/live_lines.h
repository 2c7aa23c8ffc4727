#pragma once

#include <string>
#include <vector>

namespace orch::cli {

// LiveLines draws a block of lines on a terminal and draws it again with as few bytes as it can:
// only lines that have changed are written. The cursor rests below the block.
class LiveLines {
 public:
  // The bytes that turn the block drawn last into `lines`. A line must fit the terminal's width,
  // and the block its height less one.
  std::string Redraw(const std::vector<std::string>& lines);

  // The bytes that take the block away; the next Redraw begins a new one here.
  std::string Erase();

 private:
  std::vector<std::string> drawn_;
};

}  // namespace orch::cli
