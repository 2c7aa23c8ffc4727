#include "worker/runner/marker.h"

#include <optional>

#include "worker/runner/json.h"

namespace orch::worker {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

std::optional<LateField> FieldOf(std::string_view text) {
  if (text == "workingDir") return LateField{LateField::Kind::kWorkingDir, ""};
  if (text == "outputDir") return LateField{LateField::Kind::kOutputDir, ""};
  constexpr std::string_view kOutputFiles = "outputFiles:";
  if (!text.starts_with(kOutputFiles)) return std::nullopt;
  text.remove_prefix(kOutputFiles.size());
  if (text.empty() || text.size() % 2 != 0) return std::nullopt;
  LateField field{LateField::Kind::kOutputFile, ""};
  for (size_t i = 0; i < text.size(); i += 2) {
    const int high = HexDigit(text[i]);
    const int low = HexDigit(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    field.name += static_cast<char>(high << 4 | low);
  }
  return field;
}

}  // namespace

std::string FillMarkers(std::string_view json, std::string_view nonce,
                        const std::function<std::string(const LateField&)>& fill) {
  if (nonce.empty()) return std::string(json);
  const std::string prefix = "orch-late:" + std::string(nonce) + ":";
  std::string filled;
  while (true) {
    const size_t at = json.find(prefix);
    if (at == std::string_view::npos) break;
    filled += json.substr(0, at);
    json.remove_prefix(at);
    const size_t end = json.find(';', prefix.size());
    const std::optional<LateField> field =
        end == std::string_view::npos ? std::nullopt
                                      : FieldOf(json.substr(prefix.size(), end - prefix.size()));
    if (!field.has_value()) {
      filled += prefix;
      json.remove_prefix(prefix.size());
      continue;
    }
    filled += JsonEscape(fill(*field));
    json.remove_prefix(end + 1);
  }
  filled += json;
  return filled;
}

}  // namespace orch::worker
