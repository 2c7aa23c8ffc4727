// FactFetcher fetches facts from where they are: keys from the catalog, secrets from the environment,
// files from storage, error logs from the store.
//
// Each round runs on a pool, off every strand. A file counts only up to 1 MiB.
//
// Threads     Thread-safe.
// Memory      At most the pool's queue of rounds; beyond, a round is answered kResourceExhausted.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "controlplane/catalog/key_values.h"
#include "controlplane/facts/environment_secrets.h"
#include "controlplane/facts/fact_source.h"
#include "controlplane/storage/file_store.h"
#include "controlplane/store/store.h"

namespace orch::facts {

class FactFetcher final : public FactSource {
 public:
  FactFetcher(catalog::KeyValues& keys, EnvironmentSecrets secrets, storage::FileStore& files,
              store::Store& store, ThreadPool& pool)
      : keys_(keys), secrets_(std::move(secrets)), files_(files), store_(store), pool_(pool) {}

  void Fetch(const FactPlace& place, const std::vector<expression::Fact>& facts,
             std::function<void(std::vector<absl::StatusOr<expression::Value>>)> done) override;

 private:
  absl::StatusOr<expression::Value> FetchOne(const FactPlace& place, const expression::Fact& fact);
  absl::StatusOr<expression::Value> Kv(const FactPlace& place, const expression::Fact& fact);
  absl::StatusOr<expression::Value> File(const FactPlace& place, const expression::Fact& fact);
  absl::StatusOr<expression::Value> ErrorLogs(const FactPlace& place);

  catalog::KeyValues& keys_;
  const EnvironmentSecrets secrets_;
  storage::FileStore& files_;
  store::Store& store_;
  ThreadPool& pool_;
};

}  // namespace orch::facts
