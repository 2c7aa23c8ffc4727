// Validation says what is wrong with flows, with no server.
#pragma once

#include <string>
#include <vector>

#include "cli/offline/sources.h"
#include "controlplane/flow/complaint.h"
#include "controlplane/flow/reader.h"
#include "controlplane/flow/task_types.h"

namespace orch::cli {

// What was found out about one document of a source.
struct Checked {
  std::string source;  // Its name.
  int index = 0;       // Of the document within its source.
  std::string namespace_, id;
  std::vector<flow::Complaint> complaints;  // Lines count from the top of the source.
  bool accepted = false;
};

// Checks every document of a source. A source without any is one refused document. With `strict`,
// warnings refuse it too.
std::vector<Checked> Check(const Source& source, const flow::TaskTypes& types,
                           const flow::ReadOptions& options, bool strict);

// The complaints as people read them: a line each, as compilers write it, and below it the line of
// the source with a caret under the place.
std::string Excerpts(const Checked& checked, const std::string& text, bool colors);

// All of it as the JSON list with which the API answers a validation.
std::string ResultsJson(const std::vector<Checked>& all, bool strict);

}  // namespace orch::cli
