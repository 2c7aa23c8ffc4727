// RowEncoder turns the rows of a batch into statements whose parameters are binary arrays, one
// statement per kind of row, each message serialized once into the array that is sent.
//
// Threads     Not thread-safe. Keeps its buffers from batch to batch.
#pragma once

#include <libpq-fe.h>

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/store/rows.h"

namespace orch::store::postgres {

// One array parameter, in the protocol's binary form.
class ArrayParam {
 public:
  enum class Type { kBool, kInt4, kInt8, kText, kBytea };
  explicit ArrayParam(Type type) : type_(type) { Clear(); }

  void Clear();
  void AddBool(bool value);
  void AddInt4(int32_t value);
  void AddInt8(int64_t value);
  void AddText(std::string_view value);
  // Serializes the message in place.
  template <typename Message>
  void AddMessage(const Message& message) {
    const size_t size = message.ByteSizeLong();
    uint8_t* at = Grow(size);
    message.SerializeWithCachedSizesToArray(at);
  }
  // To be called after the last element.
  void Finish();

  Oid type() const;
  const std::string& bytes() const { return bytes_; }

 private:
  uint8_t* Grow(size_t size);
  Type type_;
  uint32_t count_ = 0;
  std::string bytes_;
};

// A statement of the hot path. Prepared under its name once for each connection.
struct Statement {
  const char* name;
  const char* sql;
  std::vector<ArrayParam> params;
  bool used = false;  // In the batch that was encoded last.
};

class RowEncoder {
 public:
  RowEncoder();

  // Fills the statements from `rows`.
  void Encode(const Rows& rows);

  // In the order in which they are to run.
  const std::vector<Statement>& statements() const { return statements_; }

  // The days of the partitions that `rows` go to.
  static std::set<int> DaysOf(const Rows& rows);

 private:
  // Indexes into statements_.
  enum Kind {
    kHead,
    kPayload,
    kRun,
    kRunPayload,
    kRecord,
    kEngineLog,
    kIdempotencyKey,
    kTimerGone,
    kTimer,
    kMailGone,
    kMail,
    kFlowState,
    kSlotGone,
    kSlot,
    kAudit,
    kKindCount
  };
  std::vector<ArrayParam>& Start(Kind kind);
  void EncodeExecutions(const Rows& rows);
  void EncodeRuns(const Rows& rows);
  void EncodeMessages(const Rows& rows);
  void EncodeFlows(const Rows& rows);

  std::vector<Statement> statements_;
};

}  // namespace orch::store::postgres
