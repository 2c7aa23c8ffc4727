#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace orch::secrets {

// Texts as which a secret value may turn up, itself and duplicates included, in no order: the
// value, without its closing line break, each of its lines; JSON-quoted, shell-quoted, URL-encoded,
// hex, base64 at its three alignments, base64url. Texts of encodings shorter than four characters,
// and lines shorter than that, are left out: they would mask half of everything.
//
// A value above 16 KiB is looked for as it is and by lines only.
std::vector<std::string> EncodingsOf(std::string_view value);

}  // namespace orch::secrets
