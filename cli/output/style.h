#pragma once

#include <string>
#include <string_view>

namespace orch::cli {

enum class Ink { kPlain, kBold, kDim, kRed, kGreen, kYellow, kBlue, kCyan, kMagenta };

// The text in an ink, or as it is when `colors` is off.
std::string Paint(std::string_view text, Ink ink, bool colors);

// The ink of a state: SUCCESS is green, FAILED red, and so on.
Ink InkOfState(std::string_view state);

// The sign before a state in a tree.
std::string_view SignOfState(std::string_view state);

// How many columns a text takes on a terminal: escape sequences none, wide characters two.
size_t Columns(std::string_view text);

// The text cut to `columns`, with "…" where it was cut; escape sequences are kept and closed.
std::string Fit(std::string_view text, size_t columns);

// Text of a server made safe to show: control characters but tab become visible.
std::string Visible(std::string_view text);

}  // namespace orch::cli
