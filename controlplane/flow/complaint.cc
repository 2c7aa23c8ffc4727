#include "controlplane/flow/complaint.h"

#include <algorithm>

#include "absl/strings/str_format.h"

namespace orch::flow {

bool AnyError(const std::vector<Complaint>& complaints) {
  return std::any_of(complaints.begin(), complaints.end(),
                     [](const Complaint& c) { return c.severity == Severity::kError; });
}

std::string ComplaintText(const Complaint& complaint) {
  std::string text;
  if (complaint.mark.line > 0) {
    text = absl::StrFormat("line %d, column %d: ", complaint.mark.line, complaint.mark.column);
  }
  if (!complaint.path.empty()) text += complaint.path + ": ";
  return text + complaint.message;
}

absl::Status StatusOf(const std::vector<Complaint>& complaints) {
  std::string text;
  for (const Complaint& complaint : complaints) {
    if (complaint.severity != Severity::kError) continue;
    if (!text.empty()) text += '\n';
    text += ComplaintText(complaint);
  }
  return text.empty() ? absl::OkStatus() : absl::InvalidArgumentError(text);
}

}  // namespace orch::flow
