#include "controlplane/catalog/task_type_catalog.h"

#include <openssl/evp.h>

#include <utility>

#include "absl/strings/escaping.h"
#include "base/status_macros.h"

namespace orch::catalog {

TaskTypeCatalog::TaskTypeCatalog(store::Store& store, Clock& clock, flow::TaskTypes built_in)
    : store_(store),
      clock_(clock),
      built_in_(std::move(built_in)),
      types_(std::make_shared<const flow::TaskTypes>(built_in_)) {}

absl::StatusOr<int> TaskTypeCatalog::Load() {
  ORCH_ASSIGN_OR_RETURN(const auto rows, store_.ListTaskTypes());
  auto types = std::make_shared<flow::TaskTypes>(built_in_);
  std::map<std::string, std::string, std::less<>> digests;
  int unreadable = 0;
  bool changed = false;
  for (const store::TaskTypeRow& row : rows) {
    if (!types->Add(row.type, row.schema).ok()) {
      ++unreadable;
      continue;
    }
    digests[row.type] = row.digest;
  }
  MutexLock lock(&mutex_);
  changed = digests != digests_;
  // Compiled flows are kept by snapshot: a new one only for new types.
  if (changed) {
    types_ = std::move(types);
    digests_ = std::move(digests);
  }
  return unreadable;
}

std::shared_ptr<const flow::TaskTypes> TaskTypeCatalog::types() const {
  MutexLock lock(&mutex_);
  return types_;
}

bool TaskTypeCatalog::Knows(std::string_view type, std::string_view digest) const {
  if (built_in_.Find(type) != nullptr) return true;
  MutexLock lock(&mutex_);
  const auto found = digests_.find(type);
  return found != digests_.end() && found->second == digest;
}

absl::Status TaskTypeCatalog::Bring(const std::vector<BroughtType>& brought) {
  flow::TaskTypes checked = *types();
  store::SharedRows rows;
  for (const BroughtType& type : brought) {
    std::string digest = DigestOf(type.schema);
    if (Knows(type.type, digest)) continue;
    ORCH_RETURN_IF_ERROR(checked.Add(type.type, type.schema));
    rows.task_types.push_back(
        {type.type, type.version, std::move(digest), type.schema, type.markdown, clock_.Now()});
  }
  if (rows.task_types.empty()) return absl::OkStatus();
  ORCH_RETURN_IF_ERROR(store_.Write(rows));
  MutexLock lock(&mutex_);
  // Somebody may have brought others meanwhile.
  auto types = std::make_shared<flow::TaskTypes>(*types_);
  for (const store::TaskTypeRow& row : rows.task_types) {
    ORCH_RETURN_IF_ERROR(types->Add(row.type, row.schema));
    digests_[row.type] = row.digest;
  }
  types_ = std::move(types);
  return absl::OkStatus();
}

std::string TaskTypeCatalog::DigestOf(std::string_view schema) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (EVP_Digest(schema.data(), schema.size(), digest, &size, EVP_sha256(), nullptr) != 1)
    return "";
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(digest), size));
}

}  // namespace orch::catalog
