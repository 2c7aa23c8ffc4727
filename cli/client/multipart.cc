#include "cli/client/multipart.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace orch::cli {
namespace {

// Inside a quoted parameter, as browsers write it.
std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') {
      out += "%22";
    } else if (c == '\r') {
      out += "%0D";
    } else if (c == '\n') {
      out += "%0A";
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string FileName(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

}  // namespace

Form MakeForm(const std::vector<FormPart>& parts, Random& random) {
  const std::string boundary = absl::StrFormat("orch-%016x%016x", random.Next(), random.Next());
  Form form;
  form.content_type = absl::StrCat("multipart/form-data; boundary=", boundary);
  for (const FormPart& part : parts) {
    std::string head = absl::StrCat("--", boundary,
                                    "\r\nContent-Disposition: form-data; name=", Quoted(part.name));
    if (!part.file_path.empty()) {
      absl::StrAppend(&head, "; filename=", Quoted(FileName(part.file_path)),
                      "\r\nContent-Type: application/octet-stream");
    }
    form.body.push_back({head + "\r\n\r\n" + part.value, ""});
    if (!part.file_path.empty()) form.body.push_back({"", part.file_path});
    form.body.push_back({"\r\n", ""});
  }
  form.body.push_back({absl::StrCat("--", boundary, "--\r\n"), ""});
  return form;
}

}  // namespace orch::cli
