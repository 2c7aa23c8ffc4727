#include "worker/spool/memory_spool.h"

#include <utility>

namespace orch::worker {
namespace {

int64_t BytesOf(const v1::LogLine& line) { return static_cast<int64_t>(line.text().size()) + 32; }

}  // namespace

Spool::Contents MemorySpool::Load() {
  Contents contents;
  for (const auto& [key, result] : results_) contents.results.push_back(result);
  for (const auto& [key, stream] : streams_) {
    contents.streams.push_back({key.ToProto(), stream.acked_line, stream.last_line});
  }
  return contents;
}

void MemorySpool::PutResult(const v1::Result& result, std::function<void(absl::Status)> kept) {
  results_[TokenKey(result.token())] = result;
  executor_->Post([kept = std::move(kept), status = trouble_] { kept(status); });
}

void MemorySpool::RemoveResult(const v1::LeaseToken& token) { results_.erase(TokenKey(token)); }

void MemorySpool::AppendLines(const v1::LogLines& lines) {
  Stream& stream = streams_[TokenKey(lines.token())];
  int64_t number = lines.first_line();
  for (const v1::LogLine& line : lines.lines()) {
    stream.last_line = number;
    if (line_bytes_ + BytesOf(line) <= line_bytes_max_) {
      line_bytes_ += BytesOf(line);
      stream.lines.emplace(number, line);
    }
    ++number;
  }
}

v1::LogLines MemorySpool::ReadLines(const v1::LeaseToken& token, int64_t from, int64_t bytes_max) {
  v1::LogLines answer;
  *answer.mutable_token() = token;
  auto found = streams_.find(TokenKey(token));
  if (found == streams_.end() || from > found->second.last_line) return answer;
  const Stream& stream = found->second;
  auto it = stream.lines.lower_bound(from);
  const int64_t first = it == stream.lines.end() ? stream.last_line + 1 : it->first;
  answer.set_first_line(first);
  answer.set_gap_count(first - from);
  int64_t bytes = 0;
  for (int64_t next = first; it != stream.lines.end() && it->first == next; ++it, ++next) {
    if (bytes > 0 && bytes + BytesOf(it->second) > bytes_max) break;
    bytes += BytesOf(it->second);
    *answer.add_lines() = it->second;
  }
  return answer;
}

void MemorySpool::RemoveLines(const v1::LeaseToken& token, int64_t through) {
  auto found = streams_.find(TokenKey(token));
  if (found == streams_.end()) return;
  Stream& stream = found->second;
  stream.acked_line = std::max(stream.acked_line, std::min(through, stream.last_line));
  while (!stream.lines.empty() && stream.lines.begin()->first <= through) {
    line_bytes_ -= BytesOf(stream.lines.begin()->second);
    stream.lines.erase(stream.lines.begin());
  }
}

void MemorySpool::RemoveStream(const v1::LeaseToken& token) {
  auto found = streams_.find(TokenKey(token));
  if (found == streams_.end()) return;
  RemoveLines(token, found->second.last_line);
  streams_.erase(found);
}

}  // namespace orch::worker
