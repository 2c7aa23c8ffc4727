#include "worker/main/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/clock.h"
#include "base/errors.h"
#include "base/file.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "base/thread_executor.h"
#include "base/unique_fd.h"
#include "worker/link/file_client.h"
#include "worker/link/grpc_link.h"
#include "worker/main/errors.h"
#include "worker/main/version.h"
#include "worker/runner/runner.h"
#include "worker/session/session.h"
#include "worker/spool/file_spool.h"

namespace orch::worker {
namespace {

constexpr absl::Duration kComplainEvery = absl::Minutes(1);
constexpr int kSlotsMax = 2'000;

std::string HostName() {
  char name[256] = "";
  return ::gethostname(name, sizeof(name) - 1) == 0 && name[0] != '\0' ? name : "unknown";
}

absl::StatusOr<UniqueFd> LockFolder(const std::string& folder) {
  const std::string path = folder + "/lock";
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd.valid()) return ErrnoError(errno, "open " + path);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    const auto holder = ReadFile(path, 100);
    return FolderTaken(folder, holder.ok() && !holder->empty() ? *holder : "unknown");
  }
  const std::string pid = std::to_string(::getpid());
  if (::ftruncate(fd.get(), 0) != 0 ||
      ::pwrite(fd.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return ErrnoError(errno, "write " + path);
  }
  return fd;
}

// The worker's id: made once for an installation.
absl::StatusOr<std::string> WorkerIdIn(const std::string& folder, Clock& clock, Random& random) {
  const std::string path = folder + "/worker_id";
  const auto known = ReadFile(path, 100);
  if (known.ok() && known->size() == kTimeIdSize) return *known;
  const std::string id = NewTimeId(clock, random);
  ORCH_RETURN_IF_ERROR(WriteFileAtomically(path, id));
  return id;
}

absl::StatusOr<std::string> FindShim(const std::string& named) {
  std::string path = named;
  if (path.empty()) {
    std::error_code error;
    path = std::filesystem::read_symlink("/proc/self/exe", error).parent_path() / "orch-shim";
  }
  if (::access(path.c_str(), X_OK) != 0) return NoShim(path);
  return std::filesystem::absolute(path).string();
}

class Reporter final : public SessionObserver {
 public:
  Reporter(Clock& clock, std::string server) : clock_(clock), server_(std::move(server)) {}

  void OnWelcome(const v1::Welcome& welcome) override {
    connected = true;
    complained_ = false;
    Log(LogLevel::kInfo, "connected", {{"server", server_}});
  }
  void OnDisconnected(const absl::Status& why, absl::Duration retry_in) override {
    const bool was_connected = connected.exchange(false);
    const absl::Duration now = clock_.Boottime();
    if (!was_connected && complained_ && now - complained_at_ < kComplainEvery) return;
    complained_ = true;
    complained_at_ = now;
    Log(LogLevel::kWarning, "the control plane cannot be reached; trying again",
        {{"server", server_}, {"reason", std::string(why.message())}});
  }
  void OnLeaseEnded(const v1::LeaseToken& token) override {
    Log(LogLevel::kWarning, "killed: its lease ran out in silence", {{"attempt", token.attempt()}});
  }
  void OnSpoolTrouble(const absl::Status& why) override {
    Log(LogLevel::kError, "a result cannot be written to disk",
        {{"reason", std::string(why.message())}});
  }
  void OnEnded(const absl::Status& why) override {
    connected = false;
    MutexLock lock(&mutex_);
    ended_ = why;
    changed_.SignalAll();
  }

  std::optional<absl::Status> Wait(absl::Duration timeout) {
    const absl::Duration until = clock_.Boottime() + timeout;
    MutexLock lock(&mutex_);
    while (!ended_.has_value()) {
      const absl::Duration left = until - clock_.Boottime();
      if (left <= absl::ZeroDuration()) break;
      changed_.WaitWithTimeout(&mutex_, left);
    }
    return ended_;
  }

  std::atomic<bool> connected = false;

 private:
  Clock& clock_;
  const std::string server_;
  bool complained_ = false;  // Of the strand.
  absl::Duration complained_at_;
  Mutex mutex_;
  CondVar changed_;
  std::optional<absl::Status> ended_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

struct EmbeddedWorker::Parts {
  explicit Parts(TypeRegistry types) : types(std::move(types)) {}
  ~Parts() {
    // Everything that lives on the strand ends there. Tasks that wait for files are let go first.
    if (files != nullptr) files->Stop();
    OnStrand([this] {
      if (session != nullptr && !session->ended()) session->Halt();
      session.reset();
      runner.reset();
      link.reset();
      spool.reset();
    });
    executor.Stop();
  }

  void OnStrand(std::function<void()> work) {
    Mutex mutex;
    CondVar changed;
    bool done = false;
    executor.Post([&] {
      work();
      MutexLock lock(&mutex);
      done = true;
      changed.Signal();
    });
    MutexLock lock(&mutex);
    while (!done) changed.Wait(&mutex);
  }

  absl::Status Start(const WorkerOptions& options);

  const TypeRegistry types;
  UniqueFd lock;
  RealClock clock;
  SystemRandom random;
  std::unique_ptr<Reporter> reporter;
  ThreadExecutor executor{"worker"};
  std::shared_ptr<Channel> channel;
  std::unique_ptr<FileClient> files;
  std::unique_ptr<FileSpool> spool;  // These four on the strand.
  std::unique_ptr<GrpcLink> link;
  std::unique_ptr<Runner> runner;
  std::unique_ptr<Session> session;
};

absl::Status EmbeddedWorker::Parts::Start(const WorkerOptions& options) {
  if (options.slots < 1 || options.slots > kSlotsMax) {
    return BadOption("--slots", absl::StrFormat("must be 1 to %d", kSlotsMax));
  }
  if (options.data.empty()) return BadOption("--data", "is missing");
  std::error_code error;
  std::filesystem::create_directories(options.data, error);
  const std::string folder = std::filesystem::canonical(options.data, error);
  if (error) return BadOption("--data", options.data + ": " + error.message());
  ::chmod(folder.c_str(), 0700);
  ORCH_ASSIGN_OR_RETURN(lock, LockFolder(folder));
  ORCH_ASSIGN_OR_RETURN(const std::string worker_id, WorkerIdIn(folder, clock, random));
  ORCH_ASSIGN_OR_RETURN(channel, Channel::Make(options.channel));
  reporter = std::make_unique<Reporter>(clock, options.channel.server);

  Session::Options session_options;
  session_options.worker_id = worker_id;
  session_options.session = NewTimeId(clock, random);
  session_options.sdk = std::string("orch-worker/") + kVersion + " (C++)";
  session_options.hostname = options.name.empty() ? HostName() : options.name;
  session_options.group = options.group;
  session_options.slots = options.slots;
  session_options.offline = options.offline;
  for (const auto& [key, value] : options.labels) {
    v1::Label& label = session_options.labels.emplace_back();
    label.set_key(key);
    label.set_value(value);
  }
  const auto offer = [&](const std::string& type, const std::string& version) {
    v1::TypeOffer& one = session_options.types.emplace_back();
    one.set_type(type);
    one.set_version(version);
  };
  for (const auto& [type, task] : types.tasks.types()) offer(type, task.version);
  for (const auto& [type, script] : types.scripts) offer(type, kVersion);

  Runner::Options runner_options;
  runner_options.folder = folder;
  if (!types.scripts.empty()) {
    ORCH_ASSIGN_OR_RETURN(runner_options.host.shim, FindShim(options.shim));
  }
  runner_options.host.pass_env = options.pass_env;
  runner_options.host.docker_as_process = options.docker_as_process;
  runner_options.thread_count = std::clamp(options.slots, 2, 16);

  FileClient::Options file_options;
  file_options.patience = std::max(absl::Minutes(10), options.offline);
  files = std::make_unique<FileClient>(file_options, channel);

  FileSpool::Options spool_options;
  spool_options.folder = folder + "/spool";
  absl::Status status;
  OnStrand([&] {
    auto opened = FileSpool::Open(spool_options, executor);
    status = opened.status();
    if (!status.ok()) return;
    spool = *std::move(opened);
    if (spool->damaged_bytes() > 0) {
      Log(LogLevel::kWarning, "the spool was damaged; its broken end was cut off",
          {{"bytes", spool->damaged_bytes()}});
    }
    link = std::make_unique<GrpcLink>(channel, executor);
    runner = std::make_unique<Runner>(runner_options, clock, executor, *files, types);
    session = std::make_unique<Session>(session_options, clock, random, executor, *link, *runner,
                                        *spool, *reporter);
    session->Start();
  });
  return status;
}

EmbeddedWorker::EmbeddedWorker(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
EmbeddedWorker::~EmbeddedWorker() = default;

absl::StatusOr<std::unique_ptr<EmbeddedWorker>> EmbeddedWorker::Start(WorkerOptions options,
                                                                      TypeRegistry types) {
  auto parts = std::make_unique<Parts>(std::move(types));
  ORCH_RETURN_IF_ERROR(parts->Start(options));
  return std::unique_ptr<EmbeddedWorker>(new EmbeddedWorker(std::move(parts)));
}

void EmbeddedWorker::Drain(const std::string& reason) {
  parts_->executor.Post([this, reason] { parts_->session->Drain(reason); });
}

void EmbeddedWorker::Halt() {
  parts_->executor.Post([this] { parts_->session->Halt(); });
}

std::optional<absl::Status> EmbeddedWorker::WaitUntilEnded(absl::Duration timeout) {
  return parts_->reporter->Wait(timeout);
}

bool EmbeddedWorker::connected() const { return parts_->reporter->connected; }

}  // namespace orch::worker
