#include "worker/runner/script_job.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/errors.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "worker/runner/errors.h"
#include "worker/runner/glob.h"
#include "worker/runner/json.h"
#include "worker/runner/marker.h"
#include "worker/runner/script.h"

extern char** environ;

namespace orch::worker {
namespace {

constexpr size_t kConfigBytesMax = 16 << 20;
constexpr size_t kOutputBytesInline = 256 << 10;
constexpr size_t kOutputBytesMax = 16 << 20;
constexpr size_t kArgumentBytesMax = 100 << 10;  // The kernel takes 128 KiB in one argument.
constexpr size_t kEnvironmentBytesMax = 1 << 20;
constexpr size_t kOutputFileCountMax = 10'000;

absl::Status WriteText(const std::string& path, std::string_view text, mode_t mode) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  const UniqueFd fd(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!fd.valid()) return ErrnoError(errno, "create " + path);
  while (!text.empty()) {
    const ssize_t n = ::write(fd.get(), text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return ErrnoError(n == 0 ? ENOSPC : errno, "write " + path);
    text.remove_prefix(static_cast<size_t>(n));
  }
  return absl::OkStatus();
}

std::optional<std::string> InPath(const std::string& name, const std::string& path) {
  for (size_t start = 0; start <= path.size();) {
    size_t end = path.find(':', start);
    if (end == std::string::npos) end = path.size();
    const std::string candidate = path.substr(start, end - start) + "/" + name;
    if (end > start && ::access(candidate.c_str(), X_OK) == 0) return candidate;
    start = end + 1;
  }
  return std::nullopt;
}

bool HoldsAnyOf(const std::string& text,
                const google::protobuf::RepeatedPtrField<std::string>& all) {
  return std::any_of(all.begin(), all.end(), [&](const std::string& one) {
    return !one.empty() && text.find(one) != std::string::npos;
  });
}

std::string ReplaceAll(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

class Preparation {
 public:
  Preparation(const ScriptHost& host, ScriptJob& job, Files& files, std::vector<v1::LogLine>* lines)
      : host_(host), job_(job), files_(files), lines_(lines), work_(WorkFolderOf(host, job)) {}

  absl::StatusOr<int> Run(absl::Duration now) {
    ORCH_RETURN_IF_ERROR(job_.folder.Make());
    ORCH_RETURN_IF_ERROR(job_.folder.WriteAssign(job_.assign));
    job_.folder.WriteDeadline(absl::Nanoseconds(job_.deadline_ns.load()));
    if (::mkdir(work_.c_str(), 0700) != 0 && errno != EEXIST) {
      return ErrnoError(errno, "make the folder " + work_);
    }
    ORCH_ASSIGN_OR_RETURN(std::string json,
                          FetchConfig(job_.assign, files_, job_.folder.files() + "/config"));
    bool wants_output_dir = false;
    json = FillMarkers(json, job_.assign.marker_nonce(), [&](const LateField& field) {
      switch (field.kind) {
        case LateField::Kind::kWorkingDir: return work_;
        case LateField::Kind::kOutputDir: wants_output_dir = true; return job_.folder.outputs();
        case LateField::Kind::kOutputFile: return work_ + "/" + field.name;
      }
      return std::string();
    });
    ORCH_RETURN_IF_ERROR(job_.folder.WriteConfig(json));
    ORCH_ASSIGN_OR_RETURN(config_, ReadScriptConfig(*job_.type, json));
    if (config_.wants_docker) {
      if (!host_.docker_as_process) {
        return BadProperty("taskRunner",
                           "this worker has no Docker runner; use "
                           "io.kestra.plugin.core.runner.Process, or start the worker with "
                           "--task-runner process");
      }
      AppendLine(v1::WARN, "The task names a Docker runner; this worker runs it as a process.", 0,
                 lines_);
    }
    if (wants_output_dir || config_.output_directory) {
      config_.output_directory = true;
      if (::mkdir(job_.folder.outputs().c_str(), 0700) != 0) {
        return ErrnoError(errno, "make the folder " + job_.folder.outputs());
      }
    }
    ORCH_RETURN_IF_ERROR(PutFiles(config_.namespace_files, /*only_addresses=*/true));
    ORCH_RETURN_IF_ERROR(PutFiles(config_.input_files, /*only_addresses=*/false));
    ORCH_RETURN_IF_ERROR(FetchAddresses());
    ORCH_RETURN_IF_ERROR(MakeEnvironment());
    AttemptFolder::Plan plan;
    ORCH_RETURN_IF_ERROR(MakeCommand(&plan.argv));
    plan.env = env_;
    plan.cwd = work_;
    plan.grace = host_.grace;
    plan.deadline = absl::Nanoseconds(job_.deadline_ns.load());
    if (job_.assign.timeout().micros() > 0) {
      plan.timeout = now + absl::Microseconds(job_.assign.timeout().micros());
    }
    plan.output_bytes_max = host_.output_bytes_max;
    ORCH_RETURN_IF_ERROR(job_.folder.WritePlan(plan));
    if (job_.stop) return absl::CancelledError("stopped before it began");
    return StartShim();
  }

 private:
  absl::Status Download(const std::string& uri, const std::string& path) {
    return files_.Download(job_.assign.token(), uri, path);
  }

  absl::Status PutFiles(const std::vector<std::pair<std::string, std::string>>& all,
                        bool only_addresses) {
    for (const auto& [name, content] : all) {
      ORCH_ASSIGN_OR_RETURN(const std::string relative, CheckRelativePath(name));
      const std::string path = work_ + "/" + relative;
      if (content.starts_with("kestra://") && content.find('\n') == std::string::npos) {
        std::error_code error;
        std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
        ORCH_RETURN_IF_ERROR(Download(content, path));
      } else if (only_addresses || content.starts_with("nsfile://") ||
                 content.starts_with("file://")) {
        return BadProperty(
            "inputFiles",
            absl::StrFormat(
                "'%s' cannot be fetched by this worker; use an address that begins with kestra://",
                content.substr(0, 200)));
      } else {
        ORCH_RETURN_IF_ERROR(WriteText(path, content, 0600));
      }
      if (job_.stop) return absl::CancelledError("stopped before it began");
    }
    return absl::OkStatus();
  }

  // Commands and programs see local files in place of addresses.
  absl::Status FetchAddresses() {
    std::map<std::string, std::string> local;
    const auto fetch = [&](std::string* text) -> absl::Status {
      std::vector<std::string> addresses = AddressesIn(*text);
      // Longer ones first: one may begin like another.
      std::sort(addresses.begin(), addresses.end(),
                [](const auto& a, const auto& b) { return a.size() > b.size(); });
      for (const std::string& address : addresses) {
        auto it = local.find(address);
        if (it == local.end()) {
          const std::string name = address.substr(address.rfind('/') + 1);
          const std::string path = job_.folder.files() + "/" + std::to_string(local.size()) + "-" +
                                   (name.empty() ? "file" : name.substr(0, 100));
          ORCH_RETURN_IF_ERROR(Download(address, path));
          it = local.emplace(address, path).first;
        }
        *text = ReplaceAll(std::move(*text), address, it->second);
      }
      return absl::OkStatus();
    };
    for (std::string& command : config_.before_commands) ORCH_RETURN_IF_ERROR(fetch(&command));
    for (std::string& command : config_.commands) ORCH_RETURN_IF_ERROR(fetch(&command));
    return fetch(&config_.script);
  }

  absl::Status MakeEnvironment() {
    std::map<std::string, std::string> env;
    std::vector<std::string> names = {"PATH", "HOME", "LANG", "TZ", "TMPDIR"};
    names.insert(names.end(), host_.pass_env.begin(), host_.pass_env.end());
    for (const std::string& name : names) {
      if (const char* value = ::getenv(name.c_str())) env[name] = value;
    }
    if (env["PATH"].empty()) env["PATH"] = "/usr/local/bin:/usr/bin:/bin";
    for (const auto& [name, value] : job_.type->env) env[name] = value;
    for (const auto& [name, value] : config_.env) {
      if (name.empty() || name.find('=') != std::string::npos) {
        return BadProperty("env", absl::StrFormat("'%s' is no name of a variable", name));
      }
      env[name] = value;
    }
    env["WORKING_DIR"] = work_;
    if (config_.output_directory) env["OUTPUT_DIR"] = job_.folder.outputs();
    if (!job_.assign.trace_parent().empty()) env["TRACEPARENT"] = job_.assign.trace_parent();
    if (auto it = env.find("VIRTUAL_ENV"); it != env.end() && !it->second.empty()) {
      env["PATH"] = it->second + "/bin:" + env["PATH"];
    }
    // Many machines have only the name python3.
    if (!job_.type->program.empty() && job_.type->program.front() == "python" &&
        !InPath("python", env["PATH"]).has_value()) {
      const std::optional<std::string> python3 = InPath("python3", env["PATH"]);
      const std::string link = job_.folder.bin() + "/python";
      if (python3.has_value() && ::mkdir(job_.folder.bin().c_str(), 0700) == 0 &&
          ::symlink(python3->c_str(), link.c_str()) == 0) {
        env["PATH"] = job_.folder.bin() + ":" + env["PATH"];
      }
    }
    size_t bytes = 0;
    for (const auto& [name, value] : env) {
      bytes += name.size() + value.size() + 2;
      env_.push_back(name + "=" + value);
    }
    if (bytes > kEnvironmentBytesMax) return BadProperty("env", "exceeds 1 MiB; use inputFiles");
    return absl::OkStatus();
  }

  absl::Status MakeCommand(std::vector<std::string>* argv) {
    if (job_.type->inline_script && !job_.type->extension.empty()) {
      char name[40];
      snprintf(name, sizeof(name), "%016llx",
               static_cast<unsigned long long>(StableHash(config_.script)));
      const std::string path = work_ + "/" + name + job_.type->extension;
      ORCH_RETURN_IF_ERROR(WriteText(path, job_.type->preamble + config_.script, 0600));
      std::string command;
      for (const std::string& word : job_.type->program) command += word + " ";
      config_.commands = {command + path};
    }
    if (config_.interpreter.empty()) {
      if (!config_.before_commands.empty()) {
        return BadProperty("interpreter", "must not be empty while there are beforeCommands");
      }
      *argv = config_.commands;
      return absl::OkStatus();
    }
    const std::string block = CommandBlock(config_);
    *argv = config_.interpreter;
    // A command line is there for all to see, and has its limits.
    if (IsShell(config_.interpreter) &&
        (block.size() > kArgumentBytesMax || HoldsAnyOf(block, job_.assign.secrets()))) {
      ORCH_RETURN_IF_ERROR(WriteText(job_.folder.script(), block, 0600));
      argv->back() = job_.folder.script();
      return absl::OkStatus();
    }
    if (block.size() > kArgumentBytesMax) {
      return BadProperty("commands", "exceed what one argument may hold; use inputFiles");
    }
    argv->push_back(block);
    return absl::OkStatus();
  }

  absl::StatusOr<int> StartShim() {
    std::string shim = host_.shim;
    std::string folder = job_.folder.path();
    char* argv[] = {shim.data(), folder.data(), nullptr};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    sigset_t all;
    sigfillset(&all);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    pid_t pid = 0;
    const int error = ::posix_spawn(&pid, shim.c_str(), &actions, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) return ErrnoError(error, "start " + shim);
    return pid;
  }

  const ScriptHost& host_;
  ScriptJob& job_;
  Files& files_;
  std::vector<v1::LogLine>* lines_;
  const std::string work_;
  ScriptConfig config_;
  std::vector<std::string> env_;
};

// Uploads what matches and appends it to a JSON object's text.
absl::Status UploadFiles(const std::string& folder, const std::vector<std::string>& globs,
                         const v1::LeaseToken& token, Files& files, std::string* members) {
  ORCH_ASSIGN_OR_RETURN(const std::vector<std::string> paths, FindFiles(folder, globs));
  if (paths.size() > kOutputFileCountMax) {
    return BadProperty("outputFiles", "matches more than 10,000 files");
  }
  for (const std::string& path : paths) {
    char hash[40];
    snprintf(hash, sizeof(hash), "%016llx-", static_cast<unsigned long long>(StableHash(path)));
    const size_t slash = path.rfind('/');
    const std::string name =
        hash + MendedUtf8(path.substr(slash == std::string::npos ? 0 : slash + 1));
    ORCH_ASSIGN_OR_RETURN(const std::string uri, files.Upload(token, folder + "/" + path, name));
    if (!members->empty()) *members += ',';
    *members += JsonString(path) + ":" + JsonString(uri);
  }
  return absl::OkStatus();
}

void Fail(std::string code, std::string message, v1::Result* result) {
  result->set_state(v1::FAILED);
  result->mutable_error()->set_code(std::move(code));
  result->mutable_error()->set_message(std::move(message));
}

}  // namespace

std::string WorkFolderOf(const ScriptHost& host, const ScriptJob& job) {
  const std::string& workspace = job.assign.subject().task_run().workspace();
  if (workspace.empty()) return job.folder.work();
  char name[40];
  snprintf(name, sizeof(name), "%016llx", static_cast<unsigned long long>(StableHash(workspace)));
  return host.workspaces + "/" + name;
}

absl::StatusOr<std::string> FetchConfig(const v1::Assign& assign, Files& files,
                                        const std::string& scratch_path) {
  if (assign.config_uri().empty()) {
    return assign.config().utf8().empty() ? std::string("{}") : assign.config().utf8();
  }
  ORCH_RETURN_IF_ERROR(files.Download(assign.token(), assign.config_uri(), scratch_path));
  return ReadFile(scratch_path, kConfigBytesMax);
}

absl::StatusOr<int> Prepare(const ScriptHost& host, ScriptJob& job, Files& files,
                            absl::Duration now_boottime, std::vector<v1::LogLine>* lines) {
  return Preparation(host, job, files, lines).Run(now_boottime);
}

void SetOutputs(const std::string& outputs, Files& files, const std::string& scratch_path,
                v1::Result* result) {
  if (outputs.size() <= kOutputBytesInline) {
    result->mutable_outputs()->set_utf8(outputs);
    return;
  }
  if (outputs.size() > kOutputBytesMax) {
    return Fail("OUTPUT_TOO_LARGE",
                absl::StrFormat("the outputs have %d bytes; at most 16 MiB are kept. Write large "
                                "data to a file and name it "
                                "in outputFiles",
                                outputs.size()),
                result);
  }
  absl::Status status = WriteText(scratch_path, outputs, 0600);
  if (status.ok()) {
    const auto uri = files.Upload(result->token(), scratch_path, "outputs.json");
    if (uri.ok()) {
      result->set_outputs_uri(*uri);
      return;
    }
    status = uri.status();
  }
  Fail("OUTPUT_LOST",
       absl::StrFormat("the outputs could not be stored: %s", std::string(status.message())),
       result);
}

v1::Result Collect(const ScriptHost& host, ScriptJob& job, Files& files, const ExitStatus& exit,
                   const OutputReader& reader) {
  v1::Result result;
  *result.mutable_token() = job.assign.token();
  result.set_started_micros(job.started_micros);
  result.set_ended_micros(exit.ended_micros);

  ScriptConfig config;
  if (const auto json = job.folder.ReadConfig(); json.ok()) {
    if (auto read = ReadScriptConfig(*job.type, *json); read.ok()) config = *std::move(read);
  }
  switch (exit.reason) {
    case ExitStatus::Reason::kDone:
      if (exit.code != 0) {
        Fail("EXIT_CODE", absl::StrFormat("Command failed with exit code %d", exit.code), &result);
      } else {
        result.set_state(reader.saw_stderr() && config.warning_on_stderr ? v1::WARNING
                                                                         : v1::SUCCESS);
      }
      break;
    case ExitStatus::Reason::kStopped: result.set_state(v1::KILLED); break;
    case ExitStatus::Reason::kTimeout:
      Fail("TIMEOUT", "Timeout after " + IsoDuration(job.assign.timeout().micros()), &result);
      break;
    case ExitStatus::Reason::kLease:
      Fail("LEASE_ENDED", "the worker was out of touch for longer than its lease", &result);
      break;
    case ExitStatus::Reason::kFailed:
      Fail("START_FAILED", "Command failed to start: " + reader.scrubber().Scrub(exit.message),
           &result);
      break;
    case ExitStatus::Reason::kLost:
      Fail("PROCESS_LOST", "the process that held the script was killed from outside", &result);
      return result;
  }
  if (reader.vars_too_large()) {
    Fail("OUTPUT_TOO_LARGE",
         "the outputs exceed 16 MiB. Write large data to a file and name it in "
         "outputFiles",
         &result);
    return result;
  }

  std::string uploaded;
  absl::Status status = absl::OkStatus();
  if (!config.output_files.empty()) {
    status = UploadFiles(WorkFolderOf(host, job), config.output_files, job.assign.token(), files,
                         &uploaded);
  }
  if (status.ok() && ::access(job.folder.outputs().c_str(), F_OK) == 0) {
    status = UploadFiles(job.folder.outputs(), {"**"}, job.assign.token(), files, &uploaded);
  }
  if (!status.ok() && (result.state() == v1::SUCCESS || result.state() == v1::WARNING)) {
    Fail("OUTPUT_FILES",
         absl::StrFormat("the output files could not be stored: %s", std::string(status.message())),
         &result);
  }
  std::string outputs = "{\"vars\":{";
  for (size_t i = 0; i < reader.vars().size(); ++i) {
    if (i > 0) outputs += ',';
    outputs += JsonString(reader.vars()[i].name) + ":" + reader.vars()[i].value;
  }
  outputs += absl::StrFormat("},\"exitCode\":%d,\"outputFiles\":{", exit.code) + uploaded + "}}";
  SetOutputs(outputs, files, job.folder.files() + "/outputs.json", &result);
  return result;
}

}  // namespace orch::worker
