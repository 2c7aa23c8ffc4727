// FaultVfs is a disk for SQLite that fails when it is told to.
//
// It stands before SQLite's own VFS and passes everything on, except what a test has armed.
//
// Threads     Thread-safe.
#pragma once

#include <sqlite3.h>

#include <atomic>
#include <string>

namespace orch::store::sqlite {

class FaultVfs {
 public:
  FaultVfs();
  ~FaultVfs();
  FaultVfs(const FaultVfs&) = delete;
  FaultVfs& operator=(const FaultVfs&) = delete;

  const std::string& name() const { return name_; }

  // While set, writes fail as on a full disk.
  std::atomic<bool> full{false};
  // So many of the next writes to a WAL fail with an I/O error.
  std::atomic<int> wal_write_failures{0};
  // So many of the next flushes fail with an I/O error, after the bytes were written.
  std::atomic<int> sync_failures{0};
  // Flushes that were done.
  std::atomic<int> sync_count{0};

 private:
  friend struct FaultFile;
  std::string name_;
  sqlite3_vfs* below_;
  sqlite3_vfs vfs_;
};

}  // namespace orch::store::sqlite
