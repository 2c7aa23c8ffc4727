// Decide is what happens next: the only place in Orch that knows.
//
// Pure and total. The same execution, event, flow, environment, time and seed give the same step,
// on every replica and in every replay. No clock, I/O, thread, logging or randomness. A step does
// at most a slice of work (kSlice…); the rest stays visible in the rows, and `continue_due` asks for
// a Continue event behind other work.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controlplane/engine/effect.h"
#include "controlplane/engine/execution.h"
#include "controlplane/flow/flow.h"
#include "controlplane/flow/task_types.h"
#include "expression/context.h"
#include "expression/renderer.h"
#include "orch/v1/rows.pb.h"

namespace orch::engine {

inline constexpr int kEngineVersion = 1;
inline constexpr int kSliceInlineTaskCount = 256;
inline constexpr int kSliceRunCount = 256;
inline constexpr int64_t kSliceBytes = 256 * 1024;
inline constexpr int64_t kUnleasedChildCountMax =
    1000;                                // Created and not yet leased, per container.
inline constexpr int kLostCountMax = 2;  // Forgiven; the third loss fails the run.
inline constexpr int64_t kInlineOutputBytesMax =
    1024;  // Beyond it outputs have a row of their own.
inline constexpr int64_t kOutputBytesMax = 16 * 1024 * 1024;

// Seals and opens secret values: AES-256-GCM under the server's key, the nonce drawn from `seed`.
class Sealer {
 public:
  virtual ~Sealer() = default;
  //   kFailedPrecondition  there is no key: set ORCH_ENCRYPTION_SECRET_KEY.
  virtual absl::StatusOr<std::string> Seal(std::string_view plain, uint64_t seed) const = 0;
  virtual absl::StatusOr<std::string> Open(std::string_view sealed) const = 0;
};

// What a step may read besides the rows; the same on every replica. Pointers outlive the engine.
struct Environment {
  const expression::Renderer* renderer = nullptr;
  const flow::TaskTypes* types = nullptr;
  const Sealer* sealer = nullptr;
  expression::Value envs;     // Map
  expression::Value globals;  // Map
  bool recursive_rendering = false;
};

// A cause that changed nothing has a record without changes, which is not stored; its effects (facts
// that are asked for once more) are carried out all the same.
struct Step {
  v1::Record record;
  std::vector<Effect> effects;
  bool changed = false;
  bool continue_due = false;  // A Continue event is owed that no earlier step asked for.
  bool ended = false;         // The execution became terminal in this step.
};

// One event happens to `execution`. An event about a superseded attempt, an older generation or an ended run
// changes nothing. Does not touch `execution`: hand the record to Execution::Apply.
// A Fetched event is the one exception: its answers are put into execution.mutable_facts() by the
// caller first.
Step Decide(const Execution& execution, const v1::Event& event, const flow::Flow& flow,
            const Environment& environment, absl::Time now, uint64_t seed);

// The orders that the rows of a loaded execution name: offers of waiting runs, stops of killed leases,
// fetches. A FetchFacts without facts is answered at once with an empty Fetched: the evaluation then
// names its facts again. `head().continue_due` asks for a Continue event as well.
std::vector<Effect> StandingOrders(const Execution& execution, const flow::Flow& flow,
                                   const Environment& environment);

// A task's finished properties for its worker.
struct RenderedTask {
  std::string type;  // Canonical.
  std::string
      config;  // JSON object: the task's own properties, rendered; late fields hold markers.
  std::string marker_nonce;
  std::vector<std::string> secret_names;
  std::vector<std::string> secret_values;  // To scrub.
  absl::Duration timeout = absl::ZeroDuration();
  v1::LogLevel log_level = v1::TRACE;
};
using Rendering = std::variant<RenderedTask, expression::Need, expression::Error>;

// Renders a waiting or leased worker (or system) task. With the `now` and `seed` of a lease it gives that
// lease's text again.
Rendering RenderTask(const Execution& execution, int64_t run, const flow::Flow& flow,
                     const Environment& environment, absl::Time now, uint64_t seed);

// Evaluates an expression in the context of an execution, or of one of its runs (-1: none).
expression::Outcome Evaluate(const Execution& execution, int64_t run, const flow::Flow& flow,
                             const Environment& environment, std::string_view text, absl::Time now,
                             uint64_t seed);

}  // namespace orch::engine
