// Reads rows of executions or of task runs, as COPY (SELECT body …) TO STDOUT (FORMAT binary)
// writes them, and prints a line for each. Times are microseconds since 1970, 0 for none.
//
//   rows heads   execution created ended state run_count
//   rows runs    execution number task state attempt_count started ended outputs
//
// A run started when it became RUNNING, ended when its last attempt did.
#include <cstdio>
#include <cstring>
#include <iostream>
#include <string>

#include "orch/v1/rows.pb.h"
#include "tests/load/copy_stream.h"

namespace orch::load {
namespace {

std::string Line(const v1::ExecutionHead& head) {
  return head.id() + " " + std::to_string(head.created_micros()) + " " +
         std::to_string(head.ended_micros()) + " " + v1::State_Name(head.state()) + " " +
         std::to_string(head.run_count());
}

std::string Line(const v1::TaskRun& run) {
  int64_t started = 0;
  int64_t ended = 0;
  for (const v1::HistoryEntry& entry : run.history()) {
    if (entry.state() == v1::RUNNING && started == 0) started = entry.micros();
    ended = entry.micros();
  }
  if (run.live()) ended = 0;
  return run.execution_id() + " " + std::to_string(run.number()) + " " + run.task_id() + " " +
         v1::State_Name(run.state()) + " " + std::to_string(run.attempt_count()) + " " +
         std::to_string(started) + " " + std::to_string(ended) + " " + run.outputs().utf8();
}

template <typename Row>
int Print() {
  CopyStream stream(std::cin);
  Row row;
  for (;;) {
    const auto value = stream.Next();
    if (!value.ok()) {
      std::fprintf(stderr, "rows: %s\n", std::string(value.status().message()).c_str());
      return 1;
    }
    if (!value->has_value()) return 0;
    if (!row.ParseFromString(**value)) {
      std::fprintf(stderr, "rows: a body is no row of this release\n");
      return 1;
    }
    std::puts(Line(row).c_str());
  }
}

int Main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  if (argc == 2 && std::strcmp(argv[1], "heads") == 0) return Print<v1::ExecutionHead>();
  if (argc == 2 && std::strcmp(argv[1], "runs") == 0) return Print<v1::TaskRun>();
  std::fprintf(stderr, "usage: rows heads|runs  < COPY in binary\n");
  return 2;
}

}  // namespace
}  // namespace orch::load

int main(int argc, char** argv) { return orch::load::Main(argc, argv); }
