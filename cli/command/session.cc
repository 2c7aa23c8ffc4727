#include "cli/command/session.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "cli/exit_code.h"

namespace orch::cli {

int Session::Finish(const absl::Status& status) const {
  if (!status.ok()) {
    console.Say(absl::StrCat(Paint("error:", Ink::kRed, console.options().talk_colors), " ",
                             Visible(std::string(status.message()))));
  }
  return ExitCodeOf(status);
}

}  // namespace orch::cli
