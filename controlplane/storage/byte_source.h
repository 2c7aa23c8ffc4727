// ByteSource is a stream of bytes that is read once, from front to back.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"

namespace orch::storage {

// Threads     Used by one thread at a time. Read may block.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Fills `buffer` with up to `size` > 0 bytes and returns how many; 0 is the end. An error ends
  // it.
  virtual absl::StatusOr<size_t> Read(char* buffer, size_t size) = 0;
};

// Bytes in memory.
class TextSource final : public ByteSource {
 public:
  explicit TextSource(std::string text) : text_(std::move(text)) {}
  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    const size_t count = text_.copy(buffer, size, at_);
    at_ += count;
    return count;
  }

 private:
  std::string text_;
  size_t at_ = 0;
};

}  // namespace orch::storage
