// What a shim and its worker share: files in the attempt's folder.
//
//   plan      written by the worker before the shim starts: pairs of NUL-terminated texts, in
//   order:
//               arg TEXT …  env NAME=VALUE …  cwd PATH  grace_ms N  deadline_ns N  timeout_ns N
//               output_bytes_max N. Times are CLOCK_BOOTTIME; 0: none.
//   pid       made by the shim, exclusively, before it starts anything: "PID START\n", START being
//             field 22 of /proc/PID/stat. A worker that makes it first has forbidden the start.
//   control   a FIFO, made by the worker: lines "deadline NS" and "stop" from it.
//   output    frames, appended as they are read; see Frame.
//   exit      made by a rename when all is over: lines "reason WORD", "code N" or "signal N",
//             "ended_us N", "message TEXT". WORD: done, stopped, timeout, lease, failed (to start).
//
// Numbers in frames are as the machine has them: nobody else reads them.
#pragma once

#include <stdint.h>

namespace orch::worker::shim {

struct Frame {
  enum Stream : uint8_t {
    kStdout = 1,
    kStderr = 2,
    kGap = 3,  // What followed was too much: `size` is 0, `micros` counts the lost bytes.
  };
  enum Flag : uint8_t {
    kPart = 1,  // The line goes on in the stream's next frame.
  };
  uint32_t size = 0;  // Of the text behind the header; without its line break.
  uint8_t stream = 0;
  uint8_t flags = 0;
  uint16_t reserved = 0;
  int64_t micros = 0;  // Wall time since 1970.
};
static_assert(sizeof(Frame) == 16);

inline constexpr uint32_t kFrameSizeMax = 64 << 10;

}  // namespace orch::worker::shim
