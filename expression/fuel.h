#pragma once

#include <cstdint>

namespace orch::expression {

// What one rendering may use up.
struct Limits {
  int64_t step_count_max = 1'000'000;           // Nodes evaluated, elements touched.
  int64_t output_bytes_max = 10 * 1024 * 1024;  // Of every text built on the way, together.
  int depth_max = 64;                           // Of nested expressions, tags, macros and renders.
  int value_depth_max = 128;                    // Of lists in lists.
  int pass_count_max = 100;                     // Of recursive rendering.
  int fact_count_max = 256;                     // Asked for in one round.
};

// Fuel counts down what an evaluation may still do.
class Fuel {
 public:
  explicit Fuel(const Limits& limits)
      : steps_(limits.step_count_max), bytes_(limits.output_bytes_max) {}

  // False once there is none left; from then on, always.
  bool Spend(int64_t steps) { return Take(steps_, steps); }
  bool SpendBytes(int64_t bytes) { return Take(bytes_, bytes); }

  int64_t steps_left() const { return steps_; }
  int64_t bytes_left() const { return bytes_; }

 private:
  static bool Take(int64_t& left, int64_t amount) {
    left = amount > left ? -1 : left - amount;  // Below zero it stays at -1.
    return left >= 0;
  }

  int64_t steps_;
  int64_t bytes_;
};

}  // namespace orch::expression
