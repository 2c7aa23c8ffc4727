// Markers stand in a rendered configuration for what only the worker knows (worker.proto,
// Assign.marker_nonce).
#pragma once

#include <string>
#include <string_view>

namespace orch::engine {

// "orch-late:<nonce>:<field>;". The nonce is drawn for each rendering, so that no author can write a
// marker. Fields: workingDir, outputDir, OutputFileField.
inline std::string MarkerText(std::string_view nonce, std::string_view field) {
  std::string text = "orch-late:";
  text.append(nonce).append(":").append(field).append(";");
  return text;
}

// "outputFiles:<the name in lower hex>".
inline std::string OutputFileField(std::string_view name) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text = "outputFiles:";
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    text.push_back(kDigits[byte >> 4]);
    text.push_back(kDigits[byte & 15]);
  }
  return text;
}

}  // namespace orch::engine
