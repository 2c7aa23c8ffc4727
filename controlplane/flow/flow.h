// Flow is a workflow as its author wrote it, read, checked and never changed again.
//
// A flow is a tree of tasks. Every task of every list, at any depth, has an index (its place in
// reading order) by which the engine names it without a string; ids are unique over the whole flow.
// Properties keep the author's values: nothing here has been rendered.
//
// Threads     Immutable; share a `std::shared_ptr<const Flow>` freely.
// Ownership   Owns its tasks. Pointers to tasks live as long as the flow.
// Memory      A few KiB for each 100 lines of source; the source text itself is kept by the
// catalog.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "expression/value.h"

namespace orch::flow {

// Where something stands in the source; 1-based, 0 when it stands nowhere.
struct Mark {
  int line = 0;
  int column = 0;
};

// Where a task's work is done.
enum class Place {
  kInline,    // In the engine's own step; touches its own execution alone.
  kFlowable,  // In the engine: it owns lists of tasks.
  kSystem,    // The session inside each control plane: kv.*, state.*, ...
  kWorker,    // A worker's slot.
};

enum class Flowable {
  kNone,
  kSequential,
  kParallel,
  kIf,
  kForEach,
  kSwitch,
  kDag,
  kAllowFailure,
  kSleep
};

struct Retry {
  enum class Kind { kConstant, kExponential, kRandom };
  enum class Behavior { kRetryFailedTask, kCreateNewExecution };
  Kind kind = Kind::kConstant;
  absl::Duration interval = absl::ZeroDuration();
  absl::Duration interval_min = absl::ZeroDuration();
  absl::Duration interval_max = absl::ZeroDuration();
  double delay_factor = 2;
  std::optional<int> attempt_count_max;
  std::optional<absl::Duration> duration_max;
  bool warning_on_retry = false;
  Behavior behavior = Behavior::kRetryFailedTask;
};

struct WorkerGroup {
  enum class Fallback { kWait, kFail, kCancel };
  std::string key;  // May be an expression.
  Fallback fallback = Fallback::kWait;
};

struct Task;
using TaskList = std::vector<std::unique_ptr<const Task>>;

// One list of a flowable: `tasks`; `then` and `else` of an If; a case of a Switch.
struct Branch {
  std::string name;
  TaskList tasks;
};

struct Task {
  std::string id;
  std::string type;             // Canonical: log.Log
  std::string type_as_written;  // io.kestra.plugin.core.log.Log
  std::string version;
  std::string description;
  Place place = Place::kWorker;
  Flowable flowable = Flowable::kNone;
  int index = 0;    // In Flow::tasks_by_index.
  int parent = -1;  // Index of the enclosing task, -1 at flow level.
  bool disabled = false;
  bool disabled_above = false;  // It or an ancestor is disabled.
  std::string run_if;           // Expression text; empty when the author gave none.
  std::string timeout;          // Expression text or ISO duration; empty when none.
  std::optional<Retry> retry;
  bool allow_failure = false;
  bool allow_warning = false;
  std::string log_level;  // Upper case word or empty.
  bool log_to_file = false;
  bool restart_never = false;  // worker.restartStrategy: NEVER
  std::optional<WorkerGroup> worker_group;

  // The type's own properties as written, base properties and task lists left out. A map.
  expression::Value properties;
  // All of the task but its lists, as the JSON of the API shows it. A map.
  expression::Value as_written;

  // Flowables.
  std::vector<Branch> branches;  // The main lists, in the order of the source.
  int defaults_branch = -1;      // Switch: the one for values without a case; -1: none.
  TaskList errors;
  TaskList finally;
  // Parallel, Dag, EachParallel: `concurrent`; ForEach: `concurrencyLimit`. 0: no limit.
  int64_t concurrency = 0;
  std::map<std::string, std::vector<std::string>> depends_on;  // Dag: child id -> ids.
  Mark mark;

  // The main list of that name, nullptr when there is none.
  const TaskList* FindBranch(std::string_view name) const;
};

struct Input {
  std::string id;         // Dots make nesting.
  std::string type;       // STRING, INT, ...; upper case
  std::string item_type;  // ARRAY, MULTISELECT
  std::string description;
  std::string display_name;
  bool required = true;
  expression::Value defaults;  // Null when there is none.
  bool has_defaults = false;
  std::vector<std::string> values;  // SELECT, ENUM, MULTISELECT
  std::string expression;           // SELECT, MULTISELECT
  bool allow_custom_value = false;
  bool auto_select_first = false;   // SELECT, MULTISELECT: the first choice, when nothing is given
  std::string validator;            // STRING, SECRET: a pattern that matches the whole text
  expression::Value min, max;       // INT, FLOAT, DURATION
  expression::Value after, before;  // DATE, DATETIME, TIME
  std::string extension = ".upl";   // FILE
  std::vector<std::string> depends_on;
  std::string condition;  // dependsOn.condition
  expression::Value as_written;
  Mark mark;
};

struct Output {
  std::string id;
  std::string type;
  expression::Value value;  // Any structure; every text in it is rendered.
  bool required = true;
  std::string description;
  std::string display_name;
  Mark mark;
};

// Tasks that run once the execution has ended and the conditions hold.
struct Listener {
  std::string description;
  expression::Value conditions;  // A list, as written; null when there are none.
  TaskList tasks;
};

struct Concurrency {
  enum class Behavior { kQueue, kCancel, kFail };
  int limit = 1;  // > 0
  Behavior behavior = Behavior::kQueue;
};

struct Flow {
  std::string tenant = "main";
  std::string namespace_;
  std::string id;
  int revision = 0;
  std::string description;
  bool disabled = false;
  std::vector<std::pair<std::string, std::string>> labels;
  expression::Value variables;  // A map, or null when there are none.
  std::vector<Input> inputs;
  TaskList tasks;
  TaskList errors;
  TaskList finally;
  TaskList after_execution;
  std::vector<Listener> listeners;
  std::vector<Output> outputs;
  std::optional<Concurrency> concurrency;
  std::optional<Retry> retry;
  std::optional<WorkerGroup> worker_group;
  // The whole document as a map in the author's order, as the API's JSON shows it (labels as a
  // list).
  expression::Value document;

  std::vector<const Task*> tasks_by_index;
  std::map<std::string, const Task*, std::less<>> tasks_by_id;

  // nullptr when there is none of that id.
  const Task* FindTask(std::string_view task_id) const;
};

}  // namespace orch::flow
