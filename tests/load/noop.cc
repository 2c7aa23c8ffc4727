#include "tests/load/noop.h"

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/status_macros.h"
#include "worker/runner/json.h"

namespace orch::load {
namespace {

constexpr char kSchema[] =
    R"({"type":"object","properties":{"value":{"type":["string","integer"]}}})";

class Noop final : public sdk::Task {
 public:
  absl::StatusOr<sdk::TaskResult> Run(sdk::TaskContext& context) override {
    const int64_t at = absl::ToUnixMicros(absl::Now());
    ORCH_ASSIGN_OR_RETURN(const auto members, worker::ReadJsonObject(context.config()));
    const std::string* value = worker::FindMember(members, "value");
    return sdk::TaskResult{
        .outputs =
            absl::StrCat("{\"value\":", value == nullptr ? "null" : *value, ",\"at\":", at, "}")};
  }
};

}  // namespace

sdk::TaskType NoopType() {
  return {.type = "bench.Noop",
          .schema = kSchema,
          .markdown = "Does nothing, and says when.",
          .make = [] { return std::make_unique<Noop>(); }};
}

}  // namespace orch::load
