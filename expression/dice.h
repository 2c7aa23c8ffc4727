#pragma once

#include <cstdint>

namespace orch::expression {

// Dice is the chance of one evaluation: a fixed sequence for each seed (splitmix64).
class Dice {
 public:
  explicit Dice(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    uint64_t z = (state_ += 0x9E3779B97F4A7C15ULL);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  }
  // 0 .. bound-1; bound > 0.
  uint64_t Below(uint64_t bound) {
    const uint64_t unfair = (0 - bound) % bound;  // Draws below it would favour small results.
    uint64_t draw = Next();
    while (draw < unfair) draw = Next();
    return draw % bound;
  }

 private:
  uint64_t state_;
};

}  // namespace orch::expression
