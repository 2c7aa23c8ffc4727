#include "controlplane/store/sqlite/database.h"

#include "absl/strings/str_format.h"
#include "base/status_macros.h"

namespace orch::store::sqlite {

absl::Status Database::Open() { return OpenAll(); }

void Database::Close() { CloseAll(); }

absl::Status Database::OpenAll() {
  ORCH_ASSIGN_OR_RETURN(
      std::unique_ptr<Connection> writer,
      Connection::Open(
          {.path = options_.path, .vfs = options_.vfs, .busy_wait = options_.busy_wait}));
  writer_ = std::move(writer);
  ++generation_;
  absl::Status status = Migrate();
  // What recovery found may never have been flushed: it is, before anyone builds on it.
  if (status.ok()) {
    status = writer_->Error(sqlite3_wal_checkpoint_v2(
        writer_->get(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr));
  }
  std::vector<std::unique_ptr<Connection>> readers;
  for (int i = 0; status.ok() && i <= options_.reader_count; ++i) {
    absl::StatusOr<std::unique_ptr<Connection>> reader = Connection::Open(
        {.path = options_.path,
         .vfs = options_.vfs,
         .query_only = i < options_.reader_count,  // The last one is for checkpoints.
         .busy_wait = options_.busy_wait});
    if (reader.ok()) {
      readers.push_back(*std::move(reader));
    } else {
      status = reader.status();
    }
  }
  if (!status.ok()) {
    readers.clear();
    writer_.reset();
    return status;
  }
  sqlite3_wal_hook(writer_->get(), &Database::AfterCommit, this);
  broken_ = false;
  MutexLock lock(&mutex_);
  checkpointer_ = std::move(readers.back());
  readers.pop_back();
  readers_ = std::move(readers);
  open_ = true;
  changed_.SignalAll();
  return absl::OkStatus();
}

void Database::CloseAll() {
  if (writer_ != nullptr) {
    if (options_.before_close) options_.before_close();
    writer_.reset();
  }
  MutexLock lock(&mutex_);
  open_ = false;
  while (lent_count_ > 0) changed_.Wait(&mutex_);
  readers_.clear();
  checkpointer_.reset();
  changed_.SignalAll();
}

absl::Status Database::Migrate() {
  if (const int rc = writer_->Run("BEGIN IMMEDIATE"); rc != SQLITE_OK) return writer_->Error(rc);
  const auto migrate = [this]() -> absl::Status {
    int64_t version = 0;
    ORCH_RETURN_IF_ERROR(writer_->Query("PRAGMA user_version", {}, [&](const sql::SqlRow& row) {
      version = row.Int(0);
      return absl::OkStatus();
    }));
    if (version > static_cast<int64_t>(migrations_.size())) {
      return absl::FailedPreconditionError(
          absl::StrFormat("%s was written by a later release of Orch (shape %d, this one knows %d)",
                          options_.path, version, migrations_.size()));
    }
    for (const sql::Migration& migration : migrations_) {
      if (migration.number <= version) continue;
      const std::string script =
          migration.script + "\nPRAGMA user_version = " + std::to_string(migration.number);
      ORCH_RETURN_IF_ERROR(writer_->Error(writer_->Run(script.c_str())));
    }
    return writer_->Error(writer_->Run("COMMIT"));
  };
  absl::Status status = migrate();
  if (!status.ok()) writer_->Run("ROLLBACK");
  return status;
}

Database::Ending Database::Transact(const std::function<absl::Status(Connection&)>& work) {
  using Outcome = Ending::Outcome;
  if (absl::Status status = Mend(); !status.ok()) {
    return {Outcome::kRefused, SQLITE_IOERR, std::move(status)};
  }
  Connection& writer = *writer_;
  if (const int rc = writer.Run("BEGIN IMMEDIATE"); rc != SQLITE_OK) {
    if ((rc & 0xff) == SQLITE_IOERR) broken_ = true;
    return {Outcome::kRefused, rc, writer.Error(rc)};
  }
  if (absl::Status status = work(writer); !status.ok()) {
    const int rc = sqlite3_extended_errcode(writer.get());
    writer.Run("ROLLBACK");
    if ((rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_CORRUPT) broken_ = true;
    return {Outcome::kRefused, rc, std::move(status)};
  }
  const int rc = writer.Run("COMMIT");
  if (rc == SQLITE_OK) return {Outcome::kCommitted, rc, absl::OkStatus()};
  absl::Status status = writer.Error(rc);
  if ((rc & 0xff) == SQLITE_IOERR) {
    broken_ = true;
    return {Outcome::kUnknown, rc, absl::UnknownError(status.message())};
  }
  // FULL: the frame that says "committed" is the last to be written, so it was not.
  writer.Run("ROLLBACK");
  return {Outcome::kRefused, rc, std::move(status)};
}

absl::Status Database::Mend() {
  if (!broken_ && writer_ != nullptr) return absl::OkStatus();
  broken_ = true;
  CloseAll();
  return OpenAll();
}

absl::Status Database::Read(const std::function<absl::Status(Connection&)>& work) {
  std::unique_ptr<Connection> reader;
  {
    MutexLock lock(&mutex_);
    while (open_ && readers_.empty()) changed_.Wait(&mutex_);
    if (!open_) return absl::UnavailableError("the database is being opened anew");
    reader = std::move(readers_.back());
    readers_.pop_back();
    ++lent_count_;
  }
  absl::Status status = work(*reader);
  MutexLock lock(&mutex_);
  readers_.push_back(std::move(reader));
  --lent_count_;
  changed_.SignalAll();
  return status;
}

void Database::Checkpoint() {
  std::unique_ptr<Connection> checkpointer;
  {
    MutexLock lock(&mutex_);
    if (!open_ || checkpointer_ == nullptr) return;
    checkpointer = std::move(checkpointer_);
    ++lent_count_;
  }
  // An error here costs nothing: the WAL still holds all.
  sqlite3_wal_checkpoint_v2(checkpointer->get(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr,
                            nullptr);
  MutexLock lock(&mutex_);
  checkpointer_ = std::move(checkpointer);
  --lent_count_;
  changed_.SignalAll();
}

int Database::AfterCommit(void* self, sqlite3* db, const char* name, int pages) {
  const Database& database = *static_cast<Database*>(self);
  if (pages >= database.options_.checkpoint_pages_max) {
    sqlite3_wal_checkpoint_v2(db, name, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  } else if (pages >= database.options_.checkpoint_pages && database.options_.checkpoint_due) {
    database.options_.checkpoint_due();
  }
  return SQLITE_OK;
}

}  // namespace orch::store::sqlite
