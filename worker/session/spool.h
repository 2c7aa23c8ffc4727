// Spool keeps what the control plane has not confirmed: results, and log lines.
//
// Invariant: a result stays until RemoveResult, whatever happens. Lines stay until they are
// removed; when there is no room for one, its number becomes part of a gap that ReadLines tells.
//
// Threads     All calls, and all callbacks, are made on the session's strand; a callback is never
//             called inside a call of the spool.
// Memory      Lines are bounded by the implementation; results by the session, which takes no work
//             while too many are unconfirmed.
// Durability  As each implementation says.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "orch/v1/worker.pb.h"

namespace orch::worker {

class Spool {
 public:
  struct StreamState {
    v1::LeaseToken token;
    int64_t acked_line = 0;  // All up to it were removed.
    int64_t last_line = 0;   // Highest number ever appended; 0: none.
  };
  struct Contents {
    std::vector<v1::Result> results;
    std::vector<StreamState> streams;
  };

  virtual ~Spool() = default;

  // What an earlier process left. Once, before anything else.
  virtual Contents Load() = 0;

  // Keeps a result. `kept` runs when it is durable, or with the reason why it cannot be now; it is
  // held in memory either way. A second result of one token replaces the first.
  virtual void PutResult(const v1::Result& result, std::function<void(absl::Status)> kept) = 0;

  // Forgets a result. Harmless if there is none.
  virtual void RemoveResult(const v1::LeaseToken& token) = 0;

  // Appends lines: first_line is one more than the last of the token, and the first of a token
  // is 1.
  virtual void AppendLines(const v1::LogLines& lines) = 0;

  // Lines from number `from` on, `bytes_max` or a little more of them, at least one if there is
  // one. A gap comes first: gap_count numbers are missing before first_line, and `lines` may be
  // empty. Nothing there: first_line is 0.
  virtual v1::LogLines ReadLines(const v1::LeaseToken& token, int64_t from, int64_t bytes_max) = 0;

  // Forgets the lines up to `through`, but not that they were.
  virtual void RemoveLines(const v1::LeaseToken& token, int64_t through) = 0;

  // Forgets everything about the lines of an attempt.
  virtual void RemoveStream(const v1::LeaseToken& token) = 0;
};

}  // namespace orch::worker
