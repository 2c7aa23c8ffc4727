#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace orch::expression {

// `{% raw %}…{% endraw %}` within one line is no tag: it is taken out of a text before the text is
// compiled, put back after it was rendered, and then stripped to what it holds.

struct RawParts {
  std::string text;                // The text with each part replaced by tag + index + tag.
  std::string tag;                 // Empty if there was nothing to take out.
  std::vector<std::string> parts;  // Each with its raw tags.
};
RawParts TakeOutRaw(std::string_view text);

std::string PutBackRaw(std::string text, const std::string& tag,
                       const std::vector<std::string>& parts);

// The text with each raw part reduced to what is between its tags.
std::string StripRaw(std::string text);

}  // namespace orch::expression
