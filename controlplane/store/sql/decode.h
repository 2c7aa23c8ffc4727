// From rows of an answer to messages.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/status_macros.h"
#include "controlplane/store/errors.h"
#include "controlplane/store/sql/session.h"
#include "orch/v1/rows.pb.h"

namespace orch::store::sql {

// The columns that HeadOf reads.
inline constexpr std::string_view kHeadColumns =
    "h.id, h.bucket, h.tenant, h.namespace, h.flow_id, h.state, h.live, h.created_micros, h.body";
inline constexpr int kHeadColumnCount = 9;

// A head; of one that cannot be decoded what the columns know, with version -1.
inline v1::ExecutionHead HeadOf(const SqlRow& row) {
  v1::ExecutionHead head;
  const std::string_view body = row.Bytes(kHeadColumnCount - 1);
  if (head.ParseFromArray(body.data(), static_cast<int>(body.size()))) return head;
  head.Clear();
  head.set_id(row.Text(0));
  head.set_bucket(static_cast<uint32_t>(row.Int(1)));
  head.set_tenant(row.Text(2));
  head.set_namespace_(row.Text(3));
  head.set_flow_id(row.Text(4));
  head.set_state(static_cast<v1::State>(row.Int(5)));
  head.set_live(row.Bool(6));
  head.set_created_micros(row.Int(7));
  head.set_error("its head cannot be decoded");
  head.set_version(-1);
  return head;
}

template <typename Message>
absl::Status Decode(std::string_view body, std::string_view what, Message* message) {
  if (message->ParseFromArray(body.data(), static_cast<int>(body.size()))) {
    return absl::OkStatus();
  }
  return BadRow(what);
}

// Reads a query whose only column is a body.
template <typename Message, typename Read>
absl::StatusOr<std::vector<Message>> ReadBodies(const Read& read, std::string_view what,
                                                const std::string& sql,
                                                const std::vector<SqlValue>& params) {
  std::vector<Message> messages;
  ORCH_RETURN_IF_ERROR(read([&](SqlSession& session) {
    messages.clear();
    return session.Query(sql, params, [&](const SqlRow& row) {
      return Decode(row.Bytes(0), what, &messages.emplace_back());
    });
  }));
  return messages;
}

}  // namespace orch::store::sql
