// FileSpool is a Spool in a folder: append-only segments, flushed by a thread of its own.
//
// A record that was confirmed survives any crash. A segment is deleted once nothing in it, nor in
// an older one, is still needed; what keeps an old one alive for too long is copied forward.
//
// Threads     Methods on the strand. Starts one thread, which writes whatever has come together
//             since its last flush: results share flushes, lines never cause one.
// Ownership   Owns the folder's files named *.seg. One process per folder: the caller holds the
// lock. Memory      4 MiB of lines, what is not written yet, and an index entry per record.
// Durability  `kept` says OK after fdatasync. A damaged end of a segment is cut, with what follows
//             in it. While the disk refuses, everything is tried again each second.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/executor.h"
#include "worker/session/spool.h"
#include "worker/session/token_key.h"

namespace orch::worker {

class SpoolWriter;

class FileSpool final : public Spool {
 public:
  struct Options {
    std::string folder;                  // Made if it is missing; its parent exists.
    int64_t line_bytes_max = 256 << 20;  // On disk; lines beyond become gaps.
    int64_t line_memory_bytes_max = 4 << 20;
    int64_t segment_bytes_max = 16 << 20;
    int64_t unwritten_bytes_max = 64 << 20;  // Lines beyond become gaps.
  };

  // Reads what is there.
  //   kFailedPrecondition, kResourceExhausted, …   the folder cannot be used; see base/errors.h.
  static absl::StatusOr<std::unique_ptr<FileSpool>> Open(Options options, Executor& executor);
  // Writes what was given to it.
  ~FileSpool() override;

  Contents Load() override;
  void PutResult(const v1::Result& result, std::function<void(absl::Status)> kept) override;
  void RemoveResult(const v1::LeaseToken& token) override;
  void AppendLines(const v1::LogLines& lines) override;
  v1::LogLines ReadLines(const v1::LeaseToken& token, int64_t from, int64_t bytes_max) override;
  void RemoveLines(const v1::LeaseToken& token, int64_t through) override;
  void RemoveStream(const v1::LeaseToken& token) override;

  // Bytes that Open cut off because they were damaged.
  int64_t damaged_bytes() const { return damaged_bytes_; }
  int64_t disk_bytes() const { return total_bytes_; }

 private:
  struct Place {
    uint64_t segment = 0;
    int64_t offset = 0;
    int64_t size = 0;  // With the header.
  };
  struct Chunk {
    int64_t first = 0;
    int64_t last = 0;
    Place place;
    std::shared_ptr<const v1::LogLines> memory;  // Null: on disk only.
  };
  struct Stream {
    int64_t acked = 0;
    int64_t last = 0;
    std::deque<Chunk> chunks;
  };
  struct Segment {
    int64_t bytes = 0;
    int64_t live_bytes = 0;
  };
  struct Unwritten {
    uint64_t number;
    TokenKey key;
    int64_t first;
  };

  FileSpool(Options options, Executor& executor);
  absl::Status Recover();
  void RecoverSegment(uint64_t segment, const std::string& data);
  void Replay(char kind, std::string_view payload, Place place);

  Place Append(char kind, const std::string& payload, bool live,
               std::function<void(absl::Status)> kept = nullptr, bool flush = false);
  void Rotate();
  void CarryStreams();
  void MoveForward(uint64_t segment);
  void Unlive(const Place& place);
  void DeleteDeadSegments();
  void DropChunk(const Chunk& chunk);
  void OnWritten(uint64_t number);
  std::string ReadPayload(const Place& place) const;
  std::string PathOf(uint64_t segment) const;

  const Options options_;
  Executor& executor_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::map<TokenKey, Place> results_;
  std::map<TokenKey, Stream> streams_;
  std::map<uint64_t, Segment> segments_;
  std::deque<Unwritten> unwritten_;
  uint64_t current_ = 0;  // Segment that is appended to.
  int64_t total_bytes_ = 0;
  int64_t live_bytes_ = 0;
  int64_t line_bytes_ = 0;  // Of live line records.
  int64_t memory_bytes_ = 0;
  int64_t damaged_bytes_ = 0;
  bool moving_ = false;
  std::unique_ptr<SpoolWriter> writer_;
};

}  // namespace orch::worker
