// KeyValues keeps typed values under keys of namespaces.
//
// A value has a type (STRING NUMBER BOOLEAN DATETIME DATE DURATION JSON), a revision that grows
// with every change, and may expire. Lists leave out what has expired, and reading it fails and
// says so; it stays until somebody sets or deletes the key.
//
// A change may name the attempt that asks for it. An attempt that asks again, because an answer was
// lost, gets its first answer and changes nothing.
//
// Time        Expiry is measured by the Clock.
// Threads     Thread-safe; every call blocks on the store.
// Durability  As Store::Write.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "controlplane/store/store.h"
#include "expression/value.h"

namespace orch::catalog {

struct KvEntry {
  std::string key;
  std::string type;
  expression::Value value;  // In its kind: an instant, a date, a duration, ...
  std::string description;
  int revision = 0;
  absl::Time created_at;
  absl::Time updated_at;
  std::optional<absl::Time> expires_at;
};

struct KvSet {
  expression::Value value;
  std::string type;  // "": told by the value. Else a text is converted to it.
  std::optional<absl::Duration> ttl;
  bool overwrite = true;
  std::string description;
  std::string attempt;  // "" for none.
  std::vector<store::v1::AuditRecord> audits;
};

// The value as a task's output or an expression sees it: dates and instants as text, a duration as
// decimal seconds.
expression::Value KvPlain(const expression::Value& value);

class KeyValues {
 public:
  KeyValues(store::Store& store, Clock& clock) : store_(store), clock_(clock) {}

  //   kInvalidArgument  bad key, negative ttl, or a text that is not of the type asked for.
  //   kAlreadyExists    overwrite was not allowed.     kAborted  others change the key all the
  //   time. Also the store's: kUnavailable, kResourceExhausted, and kUnknown when no attempt is
  //   named.
  absl::StatusOr<KvEntry> Set(const std::string& tenant, const std::string& namespace_,
                              const std::string& key, const KvSet& set);

  // nullopt: there is no such key.  kNotFound: it has expired.  kInvalidArgument: bad key.
  absl::StatusOr<std::optional<KvEntry>> Get(const std::string& tenant,
                                             const std::string& namespace_, const std::string& key);
  // As Get, looking into parent namespaces too, nearest first.
  absl::StatusOr<std::optional<KvEntry>> GetInherited(const std::string& tenant,
                                                      const std::string& namespace_,
                                                      const std::string& key);

  // Whether there was such a key that had not expired. Deleting twice is harmless. Errors as Set.
  absl::StatusOr<bool> Delete(const std::string& tenant, const std::string& namespace_,
                              const std::string& key, const std::string& attempt = "",
                              const std::vector<store::v1::AuditRecord>& audits = {});

  // Those that have not expired, by key; at most `limit`.
  absl::StatusOr<std::vector<KvEntry>> List(const std::string& tenant,
                                            const std::string& namespace_,
                                            const std::string& prefix, int limit = 1'000);

 private:
  store::Store& store_;
  Clock& clock_;
};

}  // namespace orch::catalog
