// AttemptFolder is the folder of one script attempt: what a shim and any worker process after this
// one need to know of it (see worker/shim/protocol.h for the shim's part).
//
// Durability  `assign` and `config` are there before anything runs. What was not begun is removed
// by
//             the next worker; what was, is taken up.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "orch/v1/worker.pb.h"

namespace orch::worker {

// How a script ended.
struct ExitStatus {
  enum class Reason {
    kDone,
    kStopped,
    kTimeout,
    kLease,   // Its lease ran out with no worker to say so.
    kFailed,  // It could not be started.
    kLost,    // The shim vanished without a word.
  };
  Reason reason = Reason::kLost;
  int code = 0;  // As a shell tells it: 128 + number for a signal.
  int64_t ended_micros = 0;
  std::string message;  // Of kFailed.
};

struct ShimProcess {
  int pid = 0;
  std::string start;  // Tells it from a later process of the same number.
};

class AttemptFolder {
 public:
  explicit AttemptFolder(std::string path) : path_(std::move(path)) {}

  // The folder of a token below `attempts`.
  static std::string NameFor(const v1::LeaseToken& token);

  const std::string& path() const { return path_; }
  std::string work() const { return path_ + "/work"; }
  std::string outputs() const { return path_ + "/outputs"; }
  std::string files() const { return path_ + "/files"; }
  std::string bin() const { return path_ + "/bin"; }
  std::string script() const { return path_ + "/script.sh"; }
  std::string output() const { return path_ + "/output"; }

  // Makes an empty folder, over whatever stood there.
  absl::Status Make() const;
  absl::Status WriteAssign(const v1::Assign& assign) const;
  absl::StatusOr<v1::Assign> ReadAssign() const;
  absl::Status WriteConfig(const std::string& json) const;
  absl::StatusOr<std::string> ReadConfig() const;

  struct Plan {
    std::vector<std::string> argv;
    std::vector<std::string> env;
    std::string cwd;
    absl::Duration grace;
    absl::Duration deadline;  // Boot time.
    absl::Duration timeout;   // Boot time at which it is over; zero: none.
    int64_t output_bytes_max = 0;
  };
  // Writes the plan and makes the control pipe.
  absl::Status WritePlan(const Plan& plan) const;

  // Orders to a shim; nothing happens if there is none.
  void SendDeadline(absl::Duration boottime) const;
  void SendStop() const;
  // Remembers the deadline for the next worker.
  void WriteDeadline(absl::Duration boottime) const;
  // The deadline of an earlier boot means nothing: nullopt then.
  std::optional<absl::Duration> ReadDeadline() const;

  // Forbids the start. False: a shim has begun.
  bool Forbid() const;
  // Marks what nobody wants any more; the next worker removes it.
  void MarkAbandoned() const;
  bool IsAbandoned() const;

  std::optional<ShimProcess> ReadPid() const;
  static bool IsAlive(const ShimProcess& shim);
  std::optional<ExitStatus> ReadExit() const;

  // Kills every process of the shim's session: for one that vanished.
  static void KillSession(int session);

  void Remove() const;

 private:
  std::string path_;
};

}  // namespace orch::worker
