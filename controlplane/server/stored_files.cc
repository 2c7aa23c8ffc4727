#include "controlplane/server/stored_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"

namespace orch::server {

namespace {

// Gathers an upload in an unnamed file, then hands it to the store as one stream.
class SpooledWriter final : public dispatch::AttemptFiles::Writer {
 public:
  SpooledWriter(UniqueFd spool, storage::FileStore& files, std::string tenant, storage::FileUri uri)
      : spool_(std::move(spool)), files_(files), tenant_(std::move(tenant)), uri_(std::move(uri)) {}

  absl::Status Append(std::string_view data) override {
    while (!data.empty()) {
      const ssize_t written = ::write(spool_.get(), data.data(), data.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return ErrnoError(errno, "cannot keep an upload");
      data.remove_prefix(static_cast<size_t>(written));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> Finish() override {
    if (::lseek(spool_.get(), 0, SEEK_SET) < 0)
      return ErrnoError(errno, "cannot read an upload back");
    class Source final : public storage::ByteSource {
     public:
      explicit Source(int fd) : fd_(fd) {}
      absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
        while (true) {
          const ssize_t got = ::read(fd_, buffer, size);
          if (got >= 0) return static_cast<size_t>(got);
          if (errno != EINTR) return ErrnoError(errno, "cannot read an upload back");
        }
      }

     private:
      const int fd_;
    } source(spool_.get());
    ORCH_RETURN_IF_ERROR(files_.Put(tenant_, uri_, source).status());
    return uri_.ToString();
  }

 private:
  UniqueFd spool_;
  storage::FileStore& files_;
  const std::string tenant_;
  const storage::FileUri uri_;
};

class StreamReader final : public dispatch::AttemptFiles::Reader {
 public:
  explicit StreamReader(std::unique_ptr<storage::ByteSource> source) : source_(std::move(source)) {}

  absl::StatusOr<std::string> Read(size_t size) override {
    std::string data(size, '\0');
    ORCH_ASSIGN_OR_RETURN(const size_t got, source_->Read(data.data(), size));
    data.resize(got);
    return data;
  }

 private:
  std::unique_ptr<storage::ByteSource> source_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<dispatch::AttemptFiles::Writer>> StoredFiles::Create(
    const dispatch::FileOwner& owner, const std::string& name) {
  if (name.empty() || name.find('/') != std::string::npos || name == "." || name == "..") {
    return absl::InvalidArgumentError(
        absl::StrCat("'", name, "' is no file name; give one path segment"));
  }
  // Runs are told apart by the last part of their id; the execution's stands in the path already.
  const size_t dash = owner.task_run_id.rfind('-');
  storage::FileUri uri = storage::FileUri::OfExecution(
      owner.namespace_, owner.flow_id, owner.execution_id,
      {"tasks", owner.task_id,
       dash == std::string::npos ? owner.task_run_id : owner.task_run_id.substr(dash + 1), name});
  UniqueFd spool(::open(scratch_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (spool.get() < 0) return ErrnoError(errno, "cannot keep an upload in " + scratch_);
  return std::make_unique<SpooledWriter>(std::move(spool), files_, owner.tenant, std::move(uri));
}

absl::StatusOr<std::unique_ptr<dispatch::AttemptFiles::Reader>> StoredFiles::Open(
    const dispatch::FileOwner& owner, const std::string& uri_text, int64_t offset) {
  ORCH_ASSIGN_OR_RETURN(const storage::FileUri uri, storage::FileUri::Parse(uri_text));
  if (!uri.BelongsTo(owner.namespace_, owner.flow_id, owner.execution_id)) {
    return absl::PermissionDeniedError(absl::StrCat(
        "'", uri_text, "' is no file of this execution; pass it in as an input to read it"));
  }
  ORCH_ASSIGN_OR_RETURN(auto source, files_.Open(owner.tenant, uri, offset));
  return std::make_unique<StreamReader>(std::move(source));
}

}  // namespace orch::server
