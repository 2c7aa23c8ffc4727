// FlowCatalog keeps flows and all their revisions.
//
// A save that says the same as the newest revision (its `revision:` line aside) changes nothing;
// any other writes the next revision. Deleting writes one that says so, and creating again goes on
// counting. A revision is never changed, and each is mailed to the flow's state with its write.
//
// Compiled revisions are kept, the least recently used going first. A stored revision is read
// leniently: what was accepted once still runs, as far as it can be built.
//
// Threads     Thread-safe; every call blocks on the store.
// Durability  As Store::Write: OK means on disk.
// Memory      At most `cache_count_max` compiled flows beside those in use.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "controlplane/catalog/task_type_catalog.h"
#include "controlplane/flow/reader.h"
#include "controlplane/store/store.h"

namespace orch::catalog {

// One revision as it is stored, and what can be made of it today.
struct StoredFlow {
  store::FlowRow row;
  std::shared_ptr<const flow::Flow>
      flow;  // Null: it cannot be built any more; `complaints` say why.
  std::vector<flow::Complaint> complaints;
};

// A change of one flow, and who asks for it.
struct FlowChange {
  std::string tenant = "main";
  std::string source;                          // YAML, one document.
  bool strict = false;                         // Types that no worker has brought are errors.
  std::vector<store::v1::AuditRecord> audits;  // Written with the change, if there is one.
};

class FlowCatalog {
 public:
  struct Options {
    flow::EngineFeatures features;
    flow::YamlLimits limits;
    size_t cache_count_max = 1'000;  // > 0
    // Nobody else writes this store's flows (SQLite's one process): the newest revision of a flow
    // need not be read again for every start.
    bool sole_writer = false;
  };
  // The references must outlive the catalog.
  FlowCatalog(store::Store& store, const TaskTypeCatalog& types, Clock& clock, Options options);
  FlowCatalog(store::Store& store, const TaskTypeCatalog& types, Clock& clock)
      : FlowCatalog(store, types, clock, Options()) {}

  struct Saved {
    StoredFlow flow;
    bool changed = false;  // False: the newest revision says the same.
  };

  // What would be said about a source; nothing is written.
  flow::ReadResult Validate(std::string_view source, bool strict = false) const;

  // Errors of all three; nothing was written then:
  //   kInvalidArgument  the source is refused, with every reason: mend it.
  //   kAlreadyExists    Create: there is such a flow.     kNotFound  Update: there is none.
  //   kAborted          others save the same flow all the time: later.
  //   kUnavailable, kResourceExhausted  from the store: later.
  // Calling again after a lost answer (kUnknown) is safe.
  absl::StatusOr<Saved> Create(const FlowChange& change);
  absl::StatusOr<Saved> Update(std::string_view namespace_, std::string_view id,
                               const FlowChange& change);
  absl::StatusOr<Saved> Upsert(const FlowChange& change);

  // Writes a revision that says `deleted`. kNotFound when there is nothing to delete.
  absl::Status Delete(const std::string& tenant, const std::string& namespace_,
                      const std::string& id,
                      const std::vector<store::v1::AuditRecord>& audits = {});

  // The newest revision, or the one asked for (of a deleted flow too).
  //   kNotFound  no such flow or revision, or the flow was deleted and no revision was asked for.
  absl::StatusOr<StoredFlow> Get(const std::string& tenant, const std::string& namespace_,
                                 const std::string& id, std::optional<int> revision = std::nullopt);

  // A revision to run. kFailedPrecondition when it cannot be built any more; the text says why.
  absl::StatusOr<std::shared_ptr<const flow::Flow>> GetRunnable(const std::string& tenant,
                                                                const std::string& namespace_,
                                                                const std::string& id,
                                                                int revision);

  // Newest revision of each, by namespace and id.
  absl::StatusOr<store::FlowPage> List(const store::FlowFilter& filter, const store::Page& page);
  // Oldest first. kNotFound when there never was such a flow.
  absl::StatusOr<std::vector<store::FlowRow>> Revisions(const std::string& tenant,
                                                        const std::string& namespace_,
                                                        const std::string& id);

 private:
  enum class Mode { kCreate, kUpdate, kUpsert };
  struct Compiled {
    std::shared_ptr<const flow::Flow> flow;
    std::vector<flow::Complaint> complaints;
    std::shared_ptr<const flow::TaskTypes> types;  // With which it was read.
  };
  using Key = std::tuple<std::string, std::string, std::string, int>;
  using Name = std::tuple<std::string, std::string, std::string>;

  absl::StatusOr<Saved> Save(const FlowChange& change, flow::ReadResult read, Mode mode);
  StoredFlow Compile(store::FlowRow row);
  void Remember(const Key& key, Compiled compiled);
  // The newest row of a flow, from memory where that is as good as the store's.
  absl::StatusOr<std::optional<store::FlowRow>> Newest(const Name& name);
  // A write of this flow begins, or has ended: what was read meanwhile is not to be kept.
  void ForgetNewest(const Name& name);
  flow::ReadOptions ReadOptionsFor(bool strict, bool lenient) const;

  store::Store& store_;
  const TaskTypeCatalog& types_;
  Clock& clock_;
  const Options options_;

  Mutex mutex_;
  std::map<Name, store::FlowRow> newest_ ABSL_GUARDED_BY(mutex_);
  int64_t write_count_ ABSL_GUARDED_BY(mutex_) = 0;
  std::list<std::pair<Key, Compiled>> recent_ ABSL_GUARDED_BY(mutex_);  // Last used first.
  std::map<Key, std::list<std::pair<Key, Compiled>>::iterator> cache_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace orch::catalog
