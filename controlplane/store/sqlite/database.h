// Database is one SQLite file: a connection that writes, some that read beside it.
//
// An I/O error at COMMIT leaves the outcome unknown. Then every connection is closed and the file
// is opened anew: SQLite's recovery decides, and a checkpoint flushes what it decided before anyone
// reads it.
//
// Threads     Transact, Mend and writer are for one thread at a time, the caller's order; Read and
//             Checkpoint may be called from any.
// Durability  kCommitted: WAL with synchronous=FULL.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "controlplane/store/sql/migration.h"
#include "controlplane/store/sqlite/connection.h"

namespace orch::store::sqlite {

class Database {
 public:
  struct Options {
    std::string path;
    std::string vfs;
    int reader_count = 4;  // > 0
    absl::Duration busy_wait = absl::Seconds(5);
    int checkpoint_pages = 8'000;          // From here on `checkpoint_due` is called after commits.
    int checkpoint_pages_max = 16'000;     // From here on the writer checkpoints by itself.
    std::function<void()> checkpoint_due;  // Must only hand over.
    std::function<void()> before_close;    // Lets go of statements of `writer`.
  };
  Database(Options options, std::vector<sql::Migration> migrations)
      : options_(std::move(options)), migrations_(std::move(migrations)) {}
  ~Database() { Close(); }

  // Opens or makes the file and brings it to today's shape.
  //   kFailedPrecondition  it was written by a later release.
  absl::Status Open();
  void Close();

  struct Ending {
    enum class Outcome { kCommitted, kRefused, kUnknown };
    Outcome outcome = Outcome::kRefused;
    int code = SQLITE_OK;  // SQLite's, when it is the reason.
    absl::Status status;
  };
  // Runs `work` in one transaction; commits it unless `work` fails. After kUnknown the file is
  // broken until Mend.
  Ending Transact(const std::function<absl::Status(Connection&)>& work);

  // Opens the file anew when it is broken. kUnavailable: still broken.
  absl::Status Mend();

  // The connection that writes; broken or closed: null.
  Connection* writer() { return writer_.get(); }

  // Counts the openings: statements prepared on `writer` are of one of them.
  int64_t generation() const { return generation_; }

  // Lends a connection that reads; waits when all are lent.
  absl::Status Read(const std::function<absl::Status(Connection&)>& work);

  // Copies what it can from the WAL to the file, without stopping the writer.
  void Checkpoint();

 private:
  absl::Status OpenAll();
  absl::Status Migrate();
  void CloseAll();
  static int AfterCommit(void* self, sqlite3* db, const char* name, int pages);

  const Options options_;
  const std::vector<sql::Migration> migrations_;
  std::unique_ptr<Connection> writer_;
  bool broken_ = false;
  int64_t generation_ = 0;

  Mutex mutex_;
  CondVar changed_;
  bool open_ ABSL_GUARDED_BY(mutex_) = false;
  int lent_count_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::unique_ptr<Connection>> readers_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<Connection> checkpointer_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace orch::store::sqlite
