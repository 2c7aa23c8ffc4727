// Lane writes batches to the server over one connection: a pipeline for each batch, the claims of
// its shards first, one Sync at the end.
//
// What is sent up to a Sync is one transaction. So before Sync is handed to libpq nothing can have
// been kept, and after it only the server's answer tells.
//
// Time        A batch is answered within the statement timeout and a little.
// Threads     Not thread-safe; may pass from one thread to another.
#pragma once

#include <memory>

#include "controlplane/store/postgres/row_encoder.h"
#include "controlplane/store/postgres/session.h"
#include "controlplane/store/store.h"

namespace orch::store::postgres {

class Lane {
 public:
  explicit Lane(SessionOptions options) : options_(std::move(options)) {}

  // Writes `batch`; opens the connection when there is none. A fence found by the server is
  // answered kFenced, whether or not the batch went in before.
  CommitResult Commit(const Batch& batch);

  // Puts rows outside any claim and rolls them back: whether they could be stored.
  //   kInvalidArgument  no.
  absl::Status Try(const Rows& rows);

 private:
  // What came back up to the Sync.
  struct Answer {
    bool synced = false;    // All answers are there.
    std::string sql_state;  // Of the first error.
    std::string message;
    int64_t now_micros = 0;  // What the first claim told.
  };
  absl::Status Connect();
  bool Send(const Statement& statement);
  bool SendClaim(const ShardClaim& claim, const Batch& batch);
  Answer Read();
  void Close() { session_.reset(); }

  const SessionOptions options_;
  std::unique_ptr<Session> session_;
  RowEncoder encoder_;
};

}  // namespace orch::store::postgres
