// Effects are what a step orders others to do once it is durable. Each is named by a row, from
// which a takeover orders it again, so every effect may happen twice.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "expression/fact.h"

namespace orch::engine {

// A run waits for a slot. Row: the waiting run.
struct OfferRun {
  int64_t run = 0;
  std::string queue;  // Worker group; "system" for the session inside each control plane.
  std::string type;   // Canonical.
  friend bool operator==(const OfferRun&, const OfferRun&) = default;
};

// A run that was offered waits no longer (it was killed). Row: the run.
struct WithdrawRun {
  int64_t run = 0;
  friend bool operator==(const WithdrawRun&, const WithdrawRun&) = default;
};

// The holder of an attempt must stop. Row: the lease of a killed or superseded attempt.
struct StopAttempt {
  enum class Reason { kKilled, kTimedOut, kSuperseded };
  int64_t run = 0;
  int attempt = 0;
  uint64_t fence = 0;
  std::string session;
  Reason reason = Reason::kKilled;
  friend bool operator==(const StopAttempt&, const StopAttempt&) = default;
};

// An evaluation lacks facts. Row: the run (or execution, -1) that waits; it is evaluated again. Without
// facts (after a takeover): answer at once, and the evaluation names its facts again.
struct FetchFacts {
  int64_t run = -1;
  std::vector<expression::Fact> facts;
  friend bool operator==(const FetchFacts& a, const FetchFacts& b) {
    return a.run == b.run &&
           std::equal(a.facts.begin(), a.facts.end(), b.facts.begin(), b.facts.end(),
                      [](const expression::Fact& x, const expression::Fact& y) {
                        return x.Key() == y.Key();
                      });
  }
};

// Timers and mail are orders too; they stand in Changes::timers and Changes::mails.
using Effect = std::variant<OfferRun, WithdrawRun, StopAttempt, FetchFacts>;

}  // namespace orch::engine
