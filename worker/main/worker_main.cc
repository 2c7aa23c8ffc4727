#include "worker/main/worker_main.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "base/log.h"
#include "base/unique_fd.h"
#include "worker/main/version.h"
#include "worker/main/worker.h"

namespace orch::worker {
namespace {

enum Exit { kOk = 0, kGeneric = 1, kUsage = 2, kRefused = 4 };

int Complain(const absl::Status& status, int code) {
  fprintf(stderr, "orch-worker: %s\n", std::string(status.message()).c_str());
  return code;
}

std::string DefaultFolder() {
  if (const char* data = ::getenv("XDG_DATA_HOME"); data != nullptr && *data == '/') {
    return std::string(data) + "/orch-worker";
  }
  const char* home = ::getenv("HOME");
  return std::string(home == nullptr ? "." : home) + "/.local/share/orch-worker";
}

// "90s", "1h30m", or ISO-8601 with hours, minutes, seconds and days: "PT1H30M".
bool ReadDuration(std::string text, absl::Duration* duration) {
  if (text.starts_with('P')) {
    std::string plain;
    for (const char c : text.substr(1)) {
      if (c != 'T') plain += static_cast<char>(tolower(static_cast<unsigned char>(c)));
    }
    text = plain;
  }
  absl::Duration days;
  if (const size_t d = text.find('d'); d != std::string::npos) {
    int64_t count = 0;
    if (!absl::SimpleAtoi(text.substr(0, d), &count)) return false;
    days = absl::Hours(24) * count;
    text.erase(0, d + 1);
    if (text.empty()) {
      *duration = days;
      return days >= absl::ZeroDuration();
    }
  }
  if (!absl::ParseDuration(text, duration)) return false;
  *duration += days;
  return *duration >= absl::ZeroDuration() && *duration < absl::Hours(24 * 366);
}

}  // namespace

int WorkerMain(int argc, char** argv, TypeRegistry types) {
  WorkerOptions options;
  options.data = DefaultFolder();
  std::vector<std::string> labels;
  std::string offline;
  std::string task_runner = "auto";
  std::string log_format = "text";

  CLI::App app{"Runs tasks for an Orch control plane: dials out, takes leases, reports."};
  app.set_version_flag("--version", std::string("orch-worker ") + kVersion);
  app.add_option("--server", options.channel.server, "gRPC address of the control plane, HOST:PORT")
      ->required();
  app.add_option("--group", options.group, "Worker group whose queue it serves")
      ->capture_default_str();
  app.add_option("--slots", options.slots, "Tasks at a time")->capture_default_str();
  app.add_option("--label", labels, "KEY=VALUE that flows can select; repeatable");
  app.add_option(
      "--offline-for", offline,
      "How long work may go on without a line (as 2h or PT2H); the group's policy caps it");
  app.add_option("--data", options.data, "Folder for the spool and running scripts")
      ->capture_default_str();
  app.add_option("--pass-env", options.pass_env,
                 "Name of a variable that scripts may see; repeatable");
  app.add_option("--name", options.name, "Name for people; the host's by default");
  app.add_option("--task-runner", task_runner,
                 "auto, or process: also run as processes what names Docker")
      ->check(CLI::IsMember({"auto", "process"}))
      ->capture_default_str();
  app.add_option("--shim", options.shim, "Path of orch-shim; beside this program by default");
  app.add_option("--tls-ca", options.channel.ca_file, "PEM file of the control plane's authority");
  app.add_option("--tls-certificate", options.channel.certificate_file,
                 "PEM file of this worker's certificate");
  app.add_option("--tls-key", options.channel.key_file, "PEM file of its key");
  app.add_option("--log-format", log_format, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? kOk : kUsage;
  }
  for (const std::string& label : labels) {
    const size_t equals = label.find('=');
    if (equals == 0 || equals == std::string::npos) {
      return Complain(absl::InvalidArgumentError("--label: '" + label + "' is not KEY=VALUE"),
                      kUsage);
    }
    options.labels.emplace_back(label.substr(0, equals), label.substr(equals + 1));
  }
  if (!offline.empty() && !ReadDuration(offline, &options.offline)) {
    return Complain(absl::InvalidArgumentError("--offline-for: '" + offline +
                                               "' is no duration; write 90s, 2h or PT2H"),
                    kUsage);
  }
  options.docker_as_process = task_runner == "process";
  SetLogFormat(log_format == "json" ? LogFormat::kJson : LogFormat::kText);

  // Before any thread starts, so that all of them leave these signals to us.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  const UniqueFd signal_fd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));

  const bool runs_scripts = !types.scripts.empty();
  auto worker = EmbeddedWorker::Start(options, std::move(types));
  if (!worker.ok()) {
    return Complain(worker.status(), absl::IsInvalidArgument(worker.status()) ? kUsage : kGeneric);
  }
  if (runs_scripts) {
    Log(LogLevel::kWarning,
        "scripts run as processes of this user, without a sandbox: give this worker to flows you "
        "trust");
  }
  bool draining = false;
  while (true) {
    pollfd wait = {signal_fd.get(), POLLIN, 0};
    ::poll(&wait, 1, 100);
    signalfd_siginfo info;
    if (::read(signal_fd.get(), &info, sizeof(info)) == sizeof(info)) {
      if (draining) {
        Log(LogLevel::kWarning, "halting: what runs is killed");
        (*worker)->Halt();
      } else {
        draining = true;
        Log(LogLevel::kInfo, "draining: finishing what runs; once more to halt");
        (*worker)->Drain(info.ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT");
      }
    }
    if (const auto ended = (*worker)->WaitUntilEnded(absl::ZeroDuration())) {
      if (ended->ok()) return kOk;
      return Complain(*ended, kRefused);
    }
  }
}

}  // namespace orch::worker
