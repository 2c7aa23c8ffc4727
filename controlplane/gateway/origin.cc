#include "controlplane/gateway/origin.h"

#include <algorithm>
#include <cctype>
#include <string>

#include "controlplane/gateway/errors.h"

namespace orch::gateway {
namespace {

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

bool AllDigits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool IsLoopbackV4(std::string_view host) {
  int count = 0;
  for (size_t at = 0; at <= host.size(); ++count) {
    const size_t dot = std::min(host.find('.', at), host.size());
    const std::string_view part = host.substr(at, dot - at);
    if (!AllDigits(part) || part.size() > 3 || std::stoi(std::string(part)) > 255) return false;
    if (count == 0 && part != "127") return false;
    at = dot + 1;
  }
  return count == 4;
}

}  // namespace

bool IsLoopbackHost(std::string_view host) {
  std::string_view name = host;
  if (!host.empty() && host[0] == '[') {
    const size_t end = host.find(']');
    if (end == std::string_view::npos) return false;
    name = host.substr(0, end + 1);
  } else {
    name = host.substr(0, host.find(':'));
  }
  std::string_view port = host.substr(name.size());
  if (!port.empty() && !AllDigits(port.substr(1))) return false;
  return Lower(name) == "localhost" || name == "[::1]" || IsLoopbackV4(name);
}

absl::Status CheckLocal(const Headers& headers, Guarded guarded) {
  const std::string_view host = FindHeader(headers, "host");
  if (!IsLoopbackHost(host)) return ForeignHost(host);
  if (guarded == Guarded::kNo) return absl::OkStatus();
  if (Lower(FindHeader(headers, "sec-fetch-site")) == "cross-site") return ForeignOrigin();
  const std::string_view origin = FindHeader(headers, "origin");
  if (origin.empty()) return absl::OkStatus();
  // The gateway speaks plain HTTP, so its own pages have this origin.
  if (Lower(origin) != "http://" + Lower(host)) return ForeignOrigin();
  return absl::OkStatus();
}

}  // namespace orch::gateway
