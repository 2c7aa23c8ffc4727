// The parts of a script attempt that block: what comes before its shim starts, and what comes after
// it has ended.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "orch/v1/worker.pb.h"
#include "worker/runner/attempt_folder.h"
#include "worker/runner/output_reader.h"
#include "worker/runner/types.h"
#include "worker/session/files.h"

namespace orch::worker {

struct ScriptHost {
  std::string shim;                         // Path of orch-shim.
  std::string workspaces;                   // Folder of the workspaces.
  std::vector<std::string> pass_env;        // Names, besides PATH HOME LANG TZ TMPDIR.
  bool docker_as_process = false;           // Run what names Docker all the same.
  absl::Duration grace = absl::Seconds(5);  // From SIGTERM to SIGKILL.
  int64_t output_bytes_max = 1 << 30;
};

// One script attempt. Made on the strand; Prepare and Collect run on a pool, one after the other.
struct ScriptJob {
  ScriptJob(v1::Assign assign, const ScriptType* type, std::string folder)
      : assign(std::move(assign)), type(type), folder(std::move(folder)) {}

  v1::Assign assign;
  const ScriptType* type;
  AttemptFolder folder;
  std::atomic<bool> stop = false;        // Do not start any more.
  std::atomic<int64_t> deadline_ns = 0;  // Boot time.
  int64_t started_micros = 0;
};

// The folder in which the script runs.
std::string WorkFolderOf(const ScriptHost& host, const ScriptJob& job);

// Fills the folder and starts the shim; its process id.
//   kCancelled           `stop` was set in time.
//   others               the attempt fails with this message.
absl::StatusOr<int> Prepare(const ScriptHost& host, ScriptJob& job, Files& files,
                            absl::Duration now_boottime, std::vector<v1::LogLine>* lines);

// The result: state, outputs (files uploaded), error, end. Without subject and line count.
v1::Result Collect(const ScriptHost& host, ScriptJob& job, Files& files, const ExitStatus& exit,
                   const OutputReader& reader);

// Puts outputs into a result: in it, or as a file when they exceed 256 KiB.
// Above 16 MiB the result becomes FAILED, OUTPUT_TOO_LARGE.
void SetOutputs(const std::string& outputs, Files& files, const std::string& scratch_path,
                v1::Result* result);

// The configuration of an assignment, fetched if it travels as a file.
absl::StatusOr<std::string> FetchConfig(const v1::Assign& assign, Files& files,
                                        const std::string& scratch_path);

}  // namespace orch::worker
