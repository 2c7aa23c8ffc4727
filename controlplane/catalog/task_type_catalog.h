// TaskTypeCatalog keeps the schemas that workers bring, beside those that are built in.
//
// A schema outlives its worker: once brought it is stored, and flows are checked with it from then
// on.
//
// Threads     Thread-safe. Load and Bring block; types() does not.
// Durability  A schema is stored before flows are checked with it.
// Memory      All schemas, parsed.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "controlplane/flow/task_types.h"
#include "controlplane/store/store.h"

namespace orch::catalog {

struct BroughtType {
  std::string type;
  std::string version;
  std::string schema;    // JSON
  std::string markdown;  // Documentation; may be empty.
};

class TaskTypeCatalog {
 public:
  // `built_in` are the types of this release. Both references must outlive the catalog.
  TaskTypeCatalog(store::Store& store, Clock& clock, flow::TaskTypes built_in);

  // Reads what is stored: at start, and whenever another replica may have been brought types. A
  // stored schema that can no longer be read is passed over; the number of those is returned.
  absl::StatusOr<int> Load();

  // The types known now. A snapshot: it does not change.
  std::shared_ptr<const flow::TaskTypes> types() const;

  // Whether a schema need not be sent: it is known by its digest, or the type is built in, whose
  // schema is this release's own.
  bool Knows(std::string_view type, std::string_view digest) const;

  // Stores schemas and begins to use them. Bringing one twice changes nothing; those of built-in
  // types are passed over. All or nothing:
  //   kInvalidArgument  a schema cannot be read.
  //   What the store answers: kUnavailable, kResourceExhausted, kUnknown: bring them again.
  absl::Status Bring(const std::vector<BroughtType>& types);

  static std::string DigestOf(std::string_view schema);

 private:
  store::Store& store_;
  Clock& clock_;
  const flow::TaskTypes built_in_;
  mutable Mutex mutex_;
  std::shared_ptr<const flow::TaskTypes> types_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::string, std::less<>> digests_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace orch::catalog
