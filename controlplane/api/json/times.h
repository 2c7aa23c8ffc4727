// Moments and spans as the API writes them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace orch::api::json {

// 2026-01-31T12:00:00.123Z; microseconds below the millisecond are cut off.
std::string InstantText(int64_t micros);
// ISO 8601 with a zone (`Z` or an offset); nullopt for anything else.
std::optional<int64_t> ParseInstant(std::string_view text);

// PT1M30.5S. Days are hours: PT48H. Zero is PT0S.
std::string SpanText(int64_t micros);
// P[nW][nD][T[nH][nM][n.nS]], negative too; nullopt for anything else.
std::optional<int64_t> ParseSpan(std::string_view text);

}  // namespace orch::api::json
