#include "controlplane/api/json/errors.h"

#include "absl/strings/cord.h"
#include "absl/strings/str_format.h"

namespace orch::api::json {
namespace {

constexpr char kPathPayload[] = "orch/path";
constexpr size_t kShownMax = 64;

}  // namespace

absl::Status NotJson(std::string_view what, size_t offset) {
  return absl::InvalidArgumentError(
      absl::StrFormat("the text is no JSON: %s at byte %d", std::string(what), offset));
}

absl::Status TooMuchJson(std::string_view what, size_t limit) {
  return absl::ResourceExhaustedError(
      absl::StrFormat("the JSON has more than %d %s", limit, std::string(what)));
}

absl::Status FieldError(std::string_view path, std::string_view message) {
  absl::Status status =
      absl::InvalidArgumentError(absl::string_view(message.data(), message.size()));
  status.SetPayload(kPathPayload, absl::Cord(absl::string_view(path.data(), path.size())));
  return status;
}

absl::Status WrongValue(std::string_view path, std::string_view wanted, std::string_view given) {
  std::string shown(given.substr(0, kShownMax));
  if (given.size() > kShownMax) shown += "…";
  return FieldError(path, absl::StrFormat("%s: must be %s, not %s", std::string(path),
                                          std::string(wanted), shown));
}

std::string PathOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kPathPayload);
  return payload.has_value() ? std::string(*payload) : std::string();
}

}  // namespace orch::api::json
