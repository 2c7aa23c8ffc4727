// Source is a flow's text as a text: what it says apart from its revision, and where documents end.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace orch::flow {

// The text without top-level `revision: N` lines.
std::string WithoutRevision(std::string_view source);

// Whether two texts are the same but for top-level `revision: N` lines.
bool SameSource(std::string_view a, std::string_view b);

// Sha256, in hex, of the text without its revision. Equal digests: saving changes nothing.
std::string SourceDigest(std::string_view source);

// The text with `disabled: true` (or without it), written where the author would: an existing
// top-level line is changed, else one is added after `namespace`.
std::string WithDisabled(std::string_view source, bool disabled);

struct SourceDocument {
  std::string text;
  int line_offset = 0;  // Lines before it in the whole text.
};

// The documents of a text with several, split at lines that are `---`; empty ones are left out.
std::vector<SourceDocument> SplitDocuments(std::string_view source);

}  // namespace orch::flow
