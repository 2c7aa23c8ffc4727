#include "controlplane/flow/source.h"

#include <openssl/evp.h>

#include <cctype>

#include "absl/strings/escaping.h"

namespace orch::flow {
namespace {

// Calls `line(text_with_its_end)` for each line.
template <typename Line>
void ForEachLine(std::string_view source, Line line) {
  while (!source.empty()) {
    const size_t end = source.find('\n');
    const size_t length = end == std::string_view::npos ? source.size() : end + 1;
    line(source.substr(0, length));
    source.remove_prefix(length);
  }
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())))
    text.remove_suffix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())))
    text.remove_prefix(1);
  return text;
}

// Whether a line is `key: …` at the top level.
bool IsTopLevel(std::string_view line, std::string_view key) {
  if (line.substr(0, key.size()) != key) return false;
  line.remove_prefix(key.size());
  while (!line.empty() && line.front() == ' ') line.remove_prefix(1);
  if (line.empty() || line.front() != ':') return false;
  line.remove_prefix(1);
  return line.empty() || std::isspace(static_cast<unsigned char>(line.front()));
}

bool IsRevision(std::string_view line) {
  if (!IsTopLevel(line, "revision")) return false;
  const std::string_view value = Trim(line.substr(line.find(':') + 1));
  if (value.empty()) return false;
  for (const char c : value) {
    if (c < '0' || c > '9') return false;
  }
  return true;
}

bool IsSeparator(std::string_view line) {
  return line.substr(0, 3) == "---" &&
         (line.size() == 3 || std::isspace(static_cast<unsigned char>(line[3])));
}

}  // namespace

std::string WithoutRevision(std::string_view source) {
  std::string text;
  text.reserve(source.size());
  ForEachLine(source, [&](std::string_view line) {
    if (!IsRevision(line)) text += line;
  });
  return text;
}

bool SameSource(std::string_view a, std::string_view b) {
  return WithoutRevision(a) == WithoutRevision(b);
}

std::string SourceDigest(std::string_view source) {
  const std::string text = WithoutRevision(source);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha256(), nullptr) != 1) return "";
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(digest), size));
}

std::string WithDisabled(std::string_view source, bool disabled) {
  const std::string wanted = disabled ? "disabled: true\n" : "";
  std::string text;
  bool written = false;
  ForEachLine(source, [&](std::string_view line) {
    if (!IsTopLevel(line, "disabled")) {
      text += line;
      return;
    }
    if (!written) text += wanted;
    written = true;
  });
  if (written || !disabled) return text;
  std::string with;
  ForEachLine(source, [&](std::string_view line) {
    with += line;
    if (written || !IsTopLevel(line, "namespace")) return;
    if (with.back() != '\n') with += '\n';
    with += wanted;
    written = true;
  });
  if (!written) {
    if (!with.empty() && with.back() != '\n') with += '\n';
    with += wanted;
  }
  return with;
}

std::vector<SourceDocument> SplitDocuments(std::string_view source) {
  std::vector<SourceDocument> documents;
  SourceDocument current;
  int line_number = 0;
  const auto finish = [&] {
    bool says_something = false;
    ForEachLine(current.text, [&](std::string_view line) {
      const std::string_view text = Trim(line);
      if (!text.empty() && text.front() != '#') says_something = true;
    });
    if (says_something) documents.push_back(std::move(current));
  };
  ForEachLine(source, [&](std::string_view line) {
    ++line_number;
    if (IsSeparator(line)) {
      finish();
      current = {"", line_number};
      return;
    }
    current.text += line;
  });
  finish();
  return documents;
}

}  // namespace orch::flow
