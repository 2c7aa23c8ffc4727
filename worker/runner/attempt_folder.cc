#include "worker/runner/attempt_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string_view>
#include <system_error>

#include "base/errors.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"

namespace orch::worker {
namespace {

constexpr size_t kConfigBytesMax = 64 << 20;

absl::Status WritePlain(const std::string& path, std::string_view text) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd.valid()) return ErrnoError(errno, "create " + path);
  while (!text.empty()) {
    const ssize_t n = ::write(fd.get(), text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return ErrnoError(n == 0 ? ENOSPC : errno, "write " + path);
    text.remove_prefix(static_cast<size_t>(n));
  }
  return absl::OkStatus();
}

std::string BootId() {
  const auto id = ReadFile("/proc/sys/kernel/random/boot_id", 100);
  return id.ok() ? id->substr(0, 36) : "unknown";
}

// Fields of /proc/PID/stat from the third on.
std::optional<std::string> StatOf(int pid) {
  const UniqueFd fd(
      ::open(("/proc/" + std::to_string(pid) + "/stat").c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return std::nullopt;
  char text[1024];
  const ssize_t n = ::read(fd.get(), text, sizeof(text) - 1);
  if (n <= 0) return std::nullopt;
  text[n] = '\0';
  const char* at = strrchr(text, ')');
  return at == nullptr || at[1] == '\0' ? std::nullopt : std::optional<std::string>(at + 2);
}

std::string Field(const std::string& text, int number) {
  size_t start = 0;
  for (; number > 0; --number) {
    start = text.find(' ', start);
    if (start == std::string::npos) return "";
    ++start;
  }
  return text.substr(start, text.find(' ', start) - start);
}

void SendOrder(const std::string& path, const std::string& order) {
  const UniqueFd fd(::open((path + "/control").c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fd.valid()) return;
  [[maybe_unused]] const ssize_t n = ::write(fd.get(), order.data(), order.size());
}

}  // namespace

std::string AttemptFolder::NameFor(const v1::LeaseToken& token) {
  char name[64];
  snprintf(name, sizeof(name), "%016llx-%llu",
           static_cast<unsigned long long>(StableHash(token.attempt())),
           static_cast<unsigned long long>(token.fence()));
  return name;
}

absl::Status AttemptFolder::Make() const {
  Remove();
  for (const std::string& folder : {path_, work(), files()}) {
    if (::mkdir(folder.c_str(), 0700) != 0) return ErrnoError(errno, "make the folder " + folder);
  }
  return absl::OkStatus();
}

absl::Status AttemptFolder::WriteAssign(const v1::Assign& assign) const {
  v1::Assign kept = assign;
  kept.clear_config();
  return WritePlain(path_ + "/assign", kept.SerializeAsString());
}

absl::StatusOr<v1::Assign> AttemptFolder::ReadAssign() const {
  ORCH_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path_ + "/assign", kConfigBytesMax));
  v1::Assign assign;
  if (!assign.ParseFromString(bytes) || assign.token().attempt().empty()) {
    return absl::DataLossError("the file " + path_ + "/assign is damaged");
  }
  return assign;
}

absl::Status AttemptFolder::WriteConfig(const std::string& json) const {
  return WritePlain(path_ + "/config.json", json);
}

absl::StatusOr<std::string> AttemptFolder::ReadConfig() const {
  return ReadFile(path_ + "/config.json", kConfigBytesMax);
}

absl::Status AttemptFolder::WritePlan(const Plan& plan) const {
  std::string text;
  const auto add = [&](std::string_view key, std::string_view value) {
    text += key;
    text += '\0';
    text += value.substr(0, value.find('\0'));  // No word of a command may hold a NUL.
    text += '\0';
  };
  for (const std::string& word : plan.argv) add("arg", word);
  for (const std::string& variable : plan.env) add("env", variable);
  add("cwd", plan.cwd);
  add("grace_ms", std::to_string(absl::ToInt64Milliseconds(plan.grace)));
  add("deadline_ns", std::to_string(absl::ToInt64Nanoseconds(plan.deadline)));
  add("timeout_ns", std::to_string(absl::ToInt64Nanoseconds(plan.timeout)));
  add("output_bytes_max", std::to_string(plan.output_bytes_max));
  ORCH_RETURN_IF_ERROR(WritePlain(path_ + "/plan", text));
  ORCH_RETURN_IF_ERROR(WritePlain(output(), ""));
  if (::mkfifo((path_ + "/control").c_str(), 0600) != 0) {
    return ErrnoError(errno, "make the pipe " + path_ + "/control");
  }
  return absl::OkStatus();
}

void AttemptFolder::SendDeadline(absl::Duration boottime) const {
  SendOrder(path_, "deadline " + std::to_string(absl::ToInt64Nanoseconds(boottime)) + "\n");
}

void AttemptFolder::SendStop() const { SendOrder(path_, "stop\n"); }

void AttemptFolder::WriteDeadline(absl::Duration boottime) const {
  // One line of fixed length, written in place.
  char text[96];
  snprintf(text, sizeof(text), "%020lld %-36.36s\n",
           static_cast<long long>(absl::ToInt64Nanoseconds(boottime)), BootId().c_str());
  const UniqueFd fd(::open((path_ + "/deadline").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (!fd.valid()) return;
  [[maybe_unused]] const ssize_t n = ::pwrite(fd.get(), text, strlen(text), 0);
}

std::optional<absl::Duration> AttemptFolder::ReadDeadline() const {
  const auto text = ReadFile(path_ + "/deadline", 200);
  if (!text.ok() || text->size() < 57 || text->substr(21, 36) != BootId()) return std::nullopt;
  return absl::Nanoseconds(atoll(text->c_str()));
}

bool AttemptFolder::Forbid() const {
  const UniqueFd fd(
      ::open((path_ + "/pid").c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  return fd.valid();
}

void AttemptFolder::MarkAbandoned() const {
  [[maybe_unused]] const absl::Status status = WritePlain(path_ + "/abandoned", "");
}

bool AttemptFolder::IsAbandoned() const {
  return ::access((path_ + "/abandoned").c_str(), F_OK) == 0;
}

std::optional<ShimProcess> AttemptFolder::ReadPid() const {
  const auto text = ReadFile(path_ + "/pid", 200);
  if (!text.ok()) return std::nullopt;
  ShimProcess shim;
  char start[64] = "";
  if (sscanf(text->c_str(), "%d %63s", &shim.pid, start) != 2) return std::nullopt;
  shim.start = start;
  return shim;
}

bool AttemptFolder::IsAlive(const ShimProcess& shim) {
  const std::optional<std::string> stat = StatOf(shim.pid);
  if (!stat.has_value() || stat->empty() || (*stat)[0] == 'Z' || (*stat)[0] == 'X') return false;
  return Field(*stat, 19) == shim.start;
}

std::optional<ExitStatus> AttemptFolder::ReadExit() const {
  const auto text = ReadFile(path_ + "/exit", 4096);
  if (!text.ok()) return std::nullopt;
  ExitStatus exit;
  for (size_t start = 0; start < text->size();) {
    size_t end = text->find('\n', start);
    if (end == std::string::npos) end = text->size();
    const std::string line = text->substr(start, end - start);
    start = end + 1;
    const size_t space = line.find(' ');
    if (space == std::string::npos) continue;
    const std::string key = line.substr(0, space);
    const std::string value = line.substr(space + 1);
    if (key == "reason") {
      exit.reason = value == "done"      ? ExitStatus::Reason::kDone
                    : value == "stopped" ? ExitStatus::Reason::kStopped
                    : value == "timeout" ? ExitStatus::Reason::kTimeout
                    : value == "lease"   ? ExitStatus::Reason::kLease
                    : value == "failed"  ? ExitStatus::Reason::kFailed
                                         : ExitStatus::Reason::kLost;
    } else if (key == "code") {
      exit.code = atoi(value.c_str());
    } else if (key == "signal") {
      exit.code = 128 + atoi(value.c_str());
    } else if (key == "ended_us") {
      exit.ended_micros = atoll(value.c_str());
    } else if (key == "message") {
      exit.message = value;
    }
  }
  return exit;
}

void AttemptFolder::KillSession(int session) {
  if (session <= 1) return;
  DIR* proc = ::opendir("/proc");
  if (proc == nullptr) return;
  while (const dirent* entry = ::readdir(proc)) {
    const int pid = atoi(entry->d_name);
    if (pid <= 1) continue;
    const std::optional<std::string> stat = StatOf(pid);
    if (stat.has_value() && Field(*stat, 3) == std::to_string(session)) ::kill(pid, SIGKILL);
  }
  ::closedir(proc);
}

void AttemptFolder::Remove() const {
  namespace fs = std::filesystem;
  std::error_code error;
  fs::remove_all(path_, error);
  if (!error) return;
  // A script may have taken its own folders' permissions away.
  std::error_code ignored;
  for (fs::recursive_directory_iterator
           it(path_, fs::directory_options::skip_permission_denied, ignored),
       end;
       !ignored && it != end; it.increment(ignored)) {
    std::error_code no_matter;
    if (it->is_directory(no_matter) && !it->is_symlink(no_matter)) {
      fs::permissions(it->path(), fs::perms::owner_all, no_matter);
    }
  }
  fs::remove_all(path_, error);
}

}  // namespace orch::worker
