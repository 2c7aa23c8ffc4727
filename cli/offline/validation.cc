#include "cli/offline/validation.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "cli/output/json.h"
#include "cli/output/style.h"
#include "controlplane/flow/source.h"
#include "orch/v1/flow_service.pb.h"

namespace orch::cli {
namespace {

constexpr size_t kShownColumns = 160;  // Of a source line.

std::string_view LineOf(std::string_view text, int line) {
  for (int at = 1; at < line; ++at) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return "";
    text.remove_prefix(end + 1);
  }
  text = text.substr(0, text.find('\n'));
  if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
  return text;
}

struct Word {
  std::string_view text;
  Ink ink;
};

Word WordOf(flow::Severity severity) {
  switch (severity) {
    case flow::Severity::kError: return {"error", Ink::kRed};
    case flow::Severity::kWarning: return {"warning", Ink::kYellow};
    case flow::Severity::kInfo: return {"info", Ink::kCyan};
    case flow::Severity::kDeprecation: return {"deprecated", Ink::kMagenta};
  }
  return {"error", Ink::kRed};
}

}  // namespace

std::vector<Checked> Check(const Source& source, const flow::TaskTypes& types,
                           const flow::ReadOptions& options, bool strict) {
  std::vector<Checked> all;
  std::vector<flow::SourceDocument> documents = flow::SplitDocuments(source.text);
  if (documents.empty()) documents.push_back({source.text, 0});
  for (const flow::SourceDocument& document : documents) {
    flow::ReadOptions read = options;
    read.strict = read.strict || strict;
    flow::ReadResult result = flow::ReadFlow(document.text, types, read);
    Checked checked;
    checked.source = source.name;
    checked.index = static_cast<int>(all.size());
    checked.namespace_ = std::move(result.namespace_);
    checked.id = std::move(result.id);
    checked.complaints = std::move(result.complaints);
    for (flow::Complaint& complaint : checked.complaints) {
      if (complaint.mark.line > 0) complaint.mark.line += document.line_offset;
    }
    const bool refused =
        std::any_of(checked.complaints.begin(), checked.complaints.end(),
                    [&](const flow::Complaint& complaint) {
                      return complaint.severity == flow::Severity::kError ||
                             (strict && complaint.severity == flow::Severity::kWarning);
                    });
    checked.accepted = result.flow != nullptr && !refused;
    all.push_back(std::move(checked));
  }
  return all;
}

std::string Excerpts(const Checked& checked, const std::string& text, bool colors) {
  std::string out;
  for (const flow::Complaint& complaint : checked.complaints) {
    const flow::Mark mark = complaint.mark;
    std::string place = checked.source;
    if (mark.line > 0) absl::StrAppend(&place, ":", mark.line, ":", std::max(mark.column, 1));
    const Word word = WordOf(complaint.severity);
    std::string message = complaint.message;
    if (complaint.severity == flow::Severity::kDeprecation && message.empty()) {
      message = "is deprecated";
    }
    absl::StrAppend(&out, Paint(place, Ink::kBold, colors), ": ",
                    Paint(std::string(word.text) + ":", word.ink, colors), " ",
                    complaint.path.empty() ? "" : absl::StrCat(Visible(complaint.path), ": "),
                    Visible(message), "\n");
    if (mark.line <= 0) continue;
    const std::string line = Visible(LineOf(text, mark.line));
    std::string number = absl::StrCat(mark.line);
    number.insert(0, number.size() < 5 ? 5 - number.size() : 0, ' ');
    absl::StrAppend(&out, number, " | ", Fit(line, kShownColumns), "\n");
    // The caret stands under the byte's column on the screen; tabs are kept, so that both lines
    // move.
    const std::string_view before = std::string_view(line).substr(
        0, std::min<size_t>(line.size(), std::max(mark.column, 1) - 1));
    std::string indent;
    if (before.find('\t') != std::string_view::npos) {
      for (const char c : before) indent += c == '\t' ? '\t' : ' ';
    } else {
      indent.assign(Columns(before), ' ');
    }
    if (indent.size() < kShownColumns) {
      absl::StrAppend(&out, std::string(number.size(), ' '), " | ", indent,
                      Paint("^", word.ink, colors), "\n");
    }
  }
  return out;
}

std::string ResultsJson(const std::vector<Checked>& all, bool strict) {
  v1::ValidationResults results;
  for (const Checked& checked : all) {
    v1::ValidationResult& result = *results.add_results();
    result.set_index(results.results_size() - 1);
    result.set_flow(checked.id);
    result.set_namespace_(checked.namespace_);
    result.set_filename(checked.source == "-" ? "" : checked.source);
    std::string constraints;
    for (const flow::Complaint& complaint : checked.complaints) {
      const std::string line = flow::ComplaintText(complaint);
      switch (complaint.severity) {
        case flow::Severity::kWarning:
          if (!strict) {
            result.add_warnings(line);
            break;
          }
          [[fallthrough]];
        case flow::Severity::kError:
          absl::StrAppend(&constraints, constraints.empty() ? "" : "\n", line);
          break;
        case flow::Severity::kInfo: result.add_infos(line); break;
        case flow::Severity::kDeprecation: result.add_deprecation_paths(complaint.path); break;
      }
    }
    result.set_constraints(constraints);
  }
  return JsonArrayLine(results, "results");
}

}  // namespace orch::cli
