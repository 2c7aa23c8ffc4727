// Which of several words somebody may have meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace orch::flow {

// The candidate that fewest changes of a letter turn into `word`, if they are few (a third of its
// letters, at least one); "" when none is so near. The first of equals wins; a wrong
// case counts half a change for each letter, and one for all of them when nothing else is wrong.
std::string Closest(std::string_view word, const std::vector<std::string>& candidates);

// "; did you mean `x`?", or "" when nothing is near.
std::string DidYouMean(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace orch::flow
