#pragma once

#include <string>
#include <vector>

#include "base/random.h"
#include "cli/client/http.h"

namespace orch::cli {

// One part of a form: a text, or a file by its path.
struct FormPart {
  std::string name;
  std::string value;      // A text, unless
  std::string file_path;  // a file is named.
};

// A form as the body of a request.
struct Form {
  std::string content_type;
  std::vector<BodyPart> body;
};

// Writes parts as multipart/form-data, in their order. Files are read when the request is sent. The
// boundary is drawn from `random`, 128 bits of it: no text has to be searched for it.
Form MakeForm(const std::vector<FormPart>& parts, Random& random);

}  // namespace orch::cli
