#include "worker/spool/file_spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/errors.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "worker/spool/spool_writer.h"

namespace orch::worker {
namespace {

// A record: size of the payload (4 bytes), checksum (4), kind (1), payload. Numbers are
// little-endian.
constexpr int64_t kHeaderBytes = 9;
constexpr int64_t kPayloadBytesMax = 8 << 20;
enum Kind : char {
  kResult = 'R',      // Result
  kResultGone = 'r',  // LeaseToken
  kLines = 'L',       // LogLines
  kLinesGone = 'l',   // LogAck: through_line
  kStream = 'S',      // LogLines: first_line is the last number given, gap_count what is removed
  kStreamGone = 's',  // LeaseToken
};

void PutNumber(uint32_t number, std::string* out) {
  for (int shift = 0; shift < 32; shift += 8) *out += static_cast<char>(number >> shift & 255);
}
uint32_t GetNumber(std::string_view in) {
  uint32_t number = 0;
  for (int i = 3; i >= 0; --i) number = number << 8 | static_cast<unsigned char>(in[i]);
  return number;
}
uint32_t Checksum(char kind, std::string_view payload) {
  return static_cast<uint32_t>(StableHash(payload) * 31 + static_cast<unsigned char>(kind));
}

}  // namespace

FileSpool::FileSpool(Options options, Executor& executor)
    : options_(std::move(options)), executor_(executor) {}

FileSpool::~FileSpool() {
  *alive_ = false;
  writer_.reset();
}

absl::StatusOr<std::unique_ptr<FileSpool>> FileSpool::Open(Options options, Executor& executor) {
  if (::mkdir(options.folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return ErrnoError(errno, "make the folder " + options.folder);
  }
  auto spool = std::unique_ptr<FileSpool>(new FileSpool(std::move(options), executor));
  ORCH_RETURN_IF_ERROR(spool->Recover());
  FileSpool* raw = spool.get();
  spool->writer_ = std::make_unique<SpoolWriter>(raw->options_.folder, executor,
                                                 [raw, alive = raw->alive_](uint64_t number) {
                                                   if (*alive) raw->OnWritten(number);
                                                 });
  spool->CarryStreams();
  spool->DeleteDeadSegments();
  return spool;
}

std::string FileSpool::PathOf(uint64_t segment) const {
  return options_.folder + "/" + SpoolWriter::NameOf(segment);
}

absl::Status FileSpool::Recover() {
  std::vector<uint64_t> numbers;
  DIR* dir = ::opendir(options_.folder.c_str());
  if (dir == nullptr) return ErrnoError(errno, "list " + options_.folder);
  while (const dirent* entry = ::readdir(dir)) {
    const std::string name = entry->d_name;
    if (name.size() != 20 || !name.ends_with(".seg")) continue;
    numbers.push_back(strtoull(name.c_str(), nullptr, 16));
  }
  ::closedir(dir);
  std::sort(numbers.begin(), numbers.end());
  for (const uint64_t number : numbers) {
    ORCH_ASSIGN_OR_RETURN(const std::string data, ReadFile(PathOf(number), size_t{1} << 30));
    segments_[number];
    RecoverSegment(number, data);
  }
  current_ = numbers.empty() ? 1 : numbers.back() + 1;
  segments_[current_];
  return absl::OkStatus();
}

void FileSpool::RecoverSegment(uint64_t segment, const std::string& data) {
  int64_t at = 0;
  const int64_t size = static_cast<int64_t>(data.size());
  while (size - at >= kHeaderBytes) {
    const std::string_view header(data.data() + at, kHeaderBytes);
    const int64_t length = GetNumber(header);
    if (length > kPayloadBytesMax || length > size - at - kHeaderBytes) break;
    const std::string_view payload(data.data() + at + kHeaderBytes, static_cast<size_t>(length));
    if (GetNumber(header.substr(4)) != Checksum(header[8], payload)) break;
    Replay(header[8], payload, {segment, at, length + kHeaderBytes});
    at += length + kHeaderBytes;
  }
  segments_[segment].bytes = at;
  total_bytes_ += at;
  if (at == size) return;
  damaged_bytes_ += size - at;
  // If it stays, it is cut again next time: the segment is never appended to.
  [[maybe_unused]] const int cut = ::truncate(PathOf(segment).c_str(), at);
}

void FileSpool::Replay(char kind, std::string_view payload, Place place) {
  const auto live = [&] {
    segments_[place.segment].live_bytes += place.size;
    live_bytes_ += place.size;
  };
  const std::string bytes(payload);
  switch (kind) {
    case kResult: {
      v1::Result result;
      if (!result.ParseFromString(bytes)) return;
      const TokenKey key(result.token());
      if (auto it = results_.find(key); it != results_.end()) Unlive(it->second);
      results_[key] = place;
      return live();
    }
    case kResultGone: {
      v1::LeaseToken token;
      if (!token.ParseFromString(bytes)) return;
      auto it = results_.find(TokenKey(token));
      if (it == results_.end()) return;
      Unlive(it->second);
      results_.erase(it);
      return;
    }
    case kLines: {
      v1::LogLines lines;
      if (!lines.ParseFromString(bytes) || lines.lines_size() == 0) return;
      Stream& stream = streams_[TokenKey(lines.token())];
      const int64_t first = lines.first_line();
      const int64_t last = first + lines.lines_size() - 1;
      if (last <= stream.acked) return;
      // A record that was moved forward takes the place of the one it was copied from.
      auto at =
          std::lower_bound(stream.chunks.begin(), stream.chunks.end(), first,
                           [](const Chunk& chunk, int64_t line) { return chunk.first < line; });
      if (at != stream.chunks.end() && at->first == first) {
        Unlive(at->place);
        line_bytes_ -= at->place.size;
        at->place = place;
      } else {
        stream.chunks.insert(at, {first, last, place, nullptr});
      }
      stream.last = std::max(stream.last, last);
      line_bytes_ += place.size;
      return live();
    }
    case kLinesGone: {
      v1::LogAck ack;
      if (!ack.ParseFromString(bytes)) return;
      auto it = streams_.find(TokenKey(ack.token()));
      if (it == streams_.end()) return;
      it->second.acked = std::max(it->second.acked, ack.through_line());
      while (!it->second.chunks.empty() && it->second.chunks.front().last <= it->second.acked) {
        DropChunk(it->second.chunks.front());
        it->second.chunks.pop_front();
      }
      return;
    }
    case kStream: {
      v1::LogLines state;
      if (!state.ParseFromString(bytes)) return;
      Stream& stream = streams_[TokenKey(state.token())];
      stream.last = std::max(stream.last, state.first_line());
      stream.acked = std::max(stream.acked, state.gap_count());
      return;
    }
    case kStreamGone: {
      v1::LeaseToken token;
      if (!token.ParseFromString(bytes)) return;
      auto it = streams_.find(TokenKey(token));
      if (it == streams_.end()) return;
      for (const Chunk& chunk : it->second.chunks) DropChunk(chunk);
      streams_.erase(it);
      return;
    }
    default: return;  // Of a later version; it is not ours to keep.
  }
}

Spool::Contents FileSpool::Load() {
  Contents contents;
  for (const auto& [key, place] : results_) {
    v1::Result result;
    if (result.ParseFromString(ReadPayload(place))) contents.results.push_back(std::move(result));
  }
  for (const auto& [key, stream] : streams_) {
    contents.streams.push_back({key.ToProto(), stream.acked, stream.last});
  }
  return contents;
}

FileSpool::Place FileSpool::Append(char kind, const std::string& payload, bool live,
                                   std::function<void(absl::Status)> kept, bool flush) {
  if (segments_[current_].bytes >= options_.segment_bytes_max) Rotate();
  Segment& segment = segments_[current_];
  const Place place{current_, segment.bytes, kHeaderBytes + static_cast<int64_t>(payload.size())};
  std::string record;
  record.reserve(static_cast<size_t>(place.size));
  PutNumber(static_cast<uint32_t>(payload.size()), &record);
  PutNumber(Checksum(kind, payload), &record);
  record += kind;
  record += payload;
  segment.bytes += place.size;
  total_bytes_ += place.size;
  if (live) {
    segment.live_bytes += place.size;
    live_bytes_ += place.size;
  }
  const uint64_t number =
      writer_->Write(place.segment, place.offset, std::move(record), std::move(kept), flush);
  if (kind == kLines) unwritten_.push_back({number, {}, 0});
  return place;
}

void FileSpool::Rotate() {
  ++current_;
  segments_[current_];
  CarryStreams();
  DeleteDeadSegments();
  if (moving_) return;
  moving_ = true;
  // An old segment that a few records keep alive is emptied by copying them.
  for (int moves = 0; moves < 4 && segments_.size() > 4 &&
                      total_bytes_ > 2 * live_bytes_ + 3 * options_.segment_bytes_max;
       ++moves) {
    MoveForward(segments_.begin()->first);
    DeleteDeadSegments();
  }
  moving_ = false;
}

// What later segments must know of streams, once older segments are gone.
void FileSpool::CarryStreams() {
  for (const auto& [key, stream] : streams_) {
    v1::LogLines state;
    *state.mutable_token() = key.ToProto();
    state.set_first_line(stream.last);
    state.set_gap_count(stream.acked);
    Append(kStream, state.SerializeAsString(), /*live=*/false);
  }
}

void FileSpool::MoveForward(uint64_t segment) {
  if (writer_->unwritten_bytes() > options_.segment_bytes_max) return;  // It may not be there yet.
  for (auto& [key, place] : results_) {
    if (place.segment != segment) continue;
    const std::string payload = ReadPayload(place);
    if (payload.empty()) return;
    const Place old = place;
    place = Append(kResult, payload, /*live=*/true, nullptr, /*flush=*/true);
    Unlive(old);
  }
  for (auto& [key, stream] : streams_) {
    for (Chunk& chunk : stream.chunks) {
      if (chunk.place.segment != segment) continue;
      const std::string payload = ReadPayload(chunk.place);
      if (payload.empty()) return;
      const Place old = chunk.place;
      chunk.place = Append(kLines, payload, /*live=*/true, nullptr, /*flush=*/true);
      unwritten_.back().key = key;
      unwritten_.back().first = chunk.first;
      line_bytes_ += chunk.place.size - old.size;
      Unlive(old);
    }
  }
}

void FileSpool::Unlive(const Place& place) {
  live_bytes_ -= place.size;
  auto it = segments_.find(place.segment);
  if (it != segments_.end()) it->second.live_bytes -= place.size;
}

// Oldest first: a record that says that another is gone must outlive it.
void FileSpool::DeleteDeadSegments() {
  while (segments_.size() > 1) {
    auto oldest = segments_.begin();
    if (oldest->first == current_ || oldest->second.live_bytes > 0) return;
    total_bytes_ -= oldest->second.bytes;
    writer_->Delete(oldest->first);
    segments_.erase(oldest);
  }
}

void FileSpool::DropChunk(const Chunk& chunk) {
  Unlive(chunk.place);
  line_bytes_ -= chunk.place.size;
  if (chunk.memory != nullptr) memory_bytes_ -= chunk.place.size;
}

void FileSpool::PutResult(const v1::Result& result, std::function<void(absl::Status)> kept) {
  const TokenKey key(result.token());
  if (auto it = results_.find(key); it != results_.end()) Unlive(it->second);
  results_[key] = Append(kResult, result.SerializeAsString(), /*live=*/true, std::move(kept));
}

void FileSpool::RemoveResult(const v1::LeaseToken& token) {
  auto it = results_.find(TokenKey(token));
  if (it == results_.end()) return;
  Unlive(it->second);
  results_.erase(it);
  Append(kResultGone, token.SerializeAsString(), /*live=*/false);
  DeleteDeadSegments();
}

void FileSpool::AppendLines(const v1::LogLines& lines) {
  if (lines.lines_size() == 0) return;
  const TokenKey key(lines.token());
  Stream& stream = streams_[key];
  const int64_t last = lines.first_line() + lines.lines_size() - 1;
  stream.last = std::max(stream.last, last);
  const int64_t size = static_cast<int64_t>(lines.ByteSizeLong()) + kHeaderBytes;
  if (line_bytes_ + size > options_.line_bytes_max ||
      writer_->unwritten_bytes() + size > options_.unwritten_bytes_max) {
    v1::LogLines state;  // A gap; only its end is remembered.
    *state.mutable_token() = lines.token();
    state.set_first_line(stream.last);
    state.set_gap_count(stream.acked);
    Append(kStream, state.SerializeAsString(), /*live=*/false);
    return;
  }
  Chunk chunk{lines.first_line(), last, {}, std::make_shared<v1::LogLines>(lines)};
  chunk.place = Append(kLines, lines.SerializeAsString(), /*live=*/true);
  unwritten_.back().key = key;
  unwritten_.back().first = chunk.first;
  line_bytes_ += chunk.place.size;
  memory_bytes_ += chunk.place.size;
  stream.chunks.push_back(std::move(chunk));
}

// Lines that are on disk need not stay in memory when there are many.
void FileSpool::OnWritten(uint64_t number) {
  while (!unwritten_.empty() && unwritten_.front().number <= number) {
    const Unwritten written = std::move(unwritten_.front());
    unwritten_.pop_front();
    if (memory_bytes_ <= options_.line_memory_bytes_max) continue;
    auto it = streams_.find(written.key);
    if (it == streams_.end()) continue;
    auto& chunks = it->second.chunks;
    auto at = std::lower_bound(chunks.begin(), chunks.end(), written.first,
                               [](const Chunk& chunk, int64_t line) { return chunk.first < line; });
    if (at == chunks.end() || at->first != written.first || at->memory == nullptr) continue;
    memory_bytes_ -= at->place.size;
    at->memory = nullptr;
  }
}

v1::LogLines FileSpool::ReadLines(const v1::LeaseToken& token, int64_t from, int64_t bytes_max) {
  v1::LogLines answer;
  *answer.mutable_token() = token;
  auto found = streams_.find(TokenKey(token));
  if (found == streams_.end() || from > found->second.last) return answer;
  const Stream& stream = found->second;
  auto it = std::lower_bound(stream.chunks.begin(), stream.chunks.end(), from,
                             [](const Chunk& chunk, int64_t line) { return chunk.last < line; });
  int64_t next = from;
  int64_t bytes = 0;
  for (; it != stream.chunks.end(); ++it) {
    v1::LogLines from_disk;
    const v1::LogLines* lines = it->memory.get();
    if (lines == nullptr) {
      if (!from_disk.ParseFromString(ReadPayload(it->place)) || from_disk.lines_size() == 0) {
        continue;  // Damaged since: its numbers become a gap.
      }
      lines = &from_disk;
    }
    const int64_t first = std::max(next, it->first);
    if (answer.lines_size() > 0 && first != next)
      return answer;  // A gap; it comes first next time.
    if (answer.lines_size() == 0) {
      answer.set_first_line(first);
      answer.set_gap_count(first - from);
    }
    for (next = first; next <= it->last; ++next) {
      const v1::LogLine& line = lines->lines(static_cast<int>(next - it->first));
      const int64_t size = static_cast<int64_t>(line.text().size()) + 16;
      if (answer.lines_size() > 0 && bytes + size > bytes_max) return answer;
      bytes += size;
      *answer.add_lines() = line;
    }
  }
  if (answer.lines_size() == 0) {
    answer.set_first_line(stream.last + 1);
    answer.set_gap_count(stream.last + 1 - from);
  }
  return answer;
}

void FileSpool::RemoveLines(const v1::LeaseToken& token, int64_t through) {
  auto it = streams_.find(TokenKey(token));
  if (it == streams_.end()) return;
  Stream& stream = it->second;
  through = std::min(through, stream.last);
  if (through <= stream.acked) return;
  stream.acked = through;
  while (!stream.chunks.empty() && stream.chunks.front().last <= through) {
    DropChunk(stream.chunks.front());
    stream.chunks.pop_front();
  }
  v1::LogAck ack;
  *ack.mutable_token() = token;
  ack.set_through_line(through);
  Append(kLinesGone, ack.SerializeAsString(), /*live=*/false);
  DeleteDeadSegments();
}

void FileSpool::RemoveStream(const v1::LeaseToken& token) {
  auto it = streams_.find(TokenKey(token));
  if (it == streams_.end()) return;
  for (const Chunk& chunk : it->second.chunks) DropChunk(chunk);
  streams_.erase(it);
  Append(kStreamGone, token.SerializeAsString(), /*live=*/false);
  DeleteDeadSegments();
}

// The payload of a record on disk, "" if it cannot be read.
std::string FileSpool::ReadPayload(const Place& place) const {
  const UniqueFd fd(::open(PathOf(place.segment).c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return "";
  std::string record(static_cast<size_t>(place.size), '\0');
  const ssize_t n = ::pread(fd.get(), record.data(), record.size(), place.offset);
  if (n != place.size) return "";
  std::string payload = record.substr(kHeaderBytes);
  if (GetNumber(std::string_view(record).substr(4)) != Checksum(record[8], payload)) return "";
  return payload;
}

}  // namespace orch::worker
