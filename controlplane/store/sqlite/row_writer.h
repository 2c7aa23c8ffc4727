// RowWriter puts the rows of batches into their tables, by statements that were prepared once.
//
// Threads     Not thread-safe; belongs to the connection it was made on, and must go before it.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controlplane/store/rows.h"
#include "controlplane/store/sqlite/connection.h"

namespace orch::store::sqlite {

class RowWriter {
 public:
  static absl::StatusOr<std::unique_ptr<RowWriter>> Make(Connection* connection);

  // Puts `rows`, inside the caller's transaction. The first error ends it.
  absl::Status Put(const Rows& rows);

  // Moves a shard from batch `sequence - 1` to this one. False: someone else owns it, or a batch
  // was skipped.
  absl::StatusOr<bool> Claim(int shard, int64_t epoch, int64_t sequence, const std::string& batch,
                             int64_t expires_micros);

 private:
  explicit RowWriter(Connection* connection) : connection_(connection) {}
  absl::Status PutExecutions(const Rows& rows);
  absl::Status PutRuns(const Rows& rows);
  absl::Status PutMessages(const Rows& rows);
  absl::Status PutFlows(const Rows& rows);
  absl::Status Run(Statement& statement);

  // Serializes into one buffer, again and again.
  template <typename Message>
  std::string_view Body(const Message& message) {
    const size_t size = message.ByteSizeLong();
    if (body_.size() < size) body_.resize(size);
    message.SerializeWithCachedSizesToArray(reinterpret_cast<uint8_t*>(body_.data()));
    return {body_.data(), size};
  }

  Connection* connection_;
  std::string body_;
  Statement claim_;
  Statement head_;
  Statement payload_;
  Statement run_;
  Statement run_payload_;
  Statement timer_;
  Statement timer_gone_;
  Statement mail_;
  Statement mail_gone_;
  Statement engine_log_;
  Statement record_;
  Statement flow_state_;
  Statement slot_;
  Statement slot_gone_;
  Statement idempotency_key_;
  Statement audit_;
};

}  // namespace orch::store::sqlite
