#include "controlplane/store/sqlite/fault_vfs.h"

#include <new>

namespace orch::store::sqlite {

// What SQLite sees as the file; the file below lies right behind it.
struct FaultFile {
  sqlite3_file base;
  FaultVfs* vfs;
  bool is_wal;

  static FaultFile* Of(sqlite3_file* file) { return reinterpret_cast<FaultFile*>(file); }
  static sqlite3_file* Below(sqlite3_file* file) {
    return reinterpret_cast<sqlite3_file*>(Of(file) + 1);
  }
  static const sqlite3_io_methods* Methods(sqlite3_file* file) { return Below(file)->pMethods; }

  static int Close(sqlite3_file* f) { return Methods(f)->xClose(Below(f)); }
  static int Read(sqlite3_file* f, void* to, int size, sqlite3_int64 at) {
    return Methods(f)->xRead(Below(f), to, size, at);
  }
  static bool Take(std::atomic<int>& count) {
    int left = count.load();
    while (left > 0 && !count.compare_exchange_weak(left, left - 1)) {
    }
    return left > 0;
  }
  static int Write(sqlite3_file* f, const void* from, int size, sqlite3_int64 at) {
    FaultVfs& vfs = *Of(f)->vfs;
    if (vfs.full) return SQLITE_FULL;
    if (Of(f)->is_wal && Take(vfs.wal_write_failures)) return SQLITE_IOERR_WRITE;
    return Methods(f)->xWrite(Below(f), from, size, at);
  }
  static int Truncate(sqlite3_file* f, sqlite3_int64 size) {
    return Methods(f)->xTruncate(Below(f), size);
  }
  static int Sync(sqlite3_file* f, int flags) {
    FaultVfs& vfs = *Of(f)->vfs;
    if (Take(vfs.sync_failures)) return SQLITE_IOERR_FSYNC;
    ++vfs.sync_count;
    return Methods(f)->xSync(Below(f), flags);
  }
  static int FileSize(sqlite3_file* f, sqlite3_int64* size) {
    return Methods(f)->xFileSize(Below(f), size);
  }
  static int Lock(sqlite3_file* f, int level) { return Methods(f)->xLock(Below(f), level); }
  static int Unlock(sqlite3_file* f, int level) { return Methods(f)->xUnlock(Below(f), level); }
  static int CheckReservedLock(sqlite3_file* f, int* held) {
    return Methods(f)->xCheckReservedLock(Below(f), held);
  }
  static int FileControl(sqlite3_file* f, int op, void* arg) {
    return Methods(f)->xFileControl(Below(f), op, arg);
  }
  static int SectorSize(sqlite3_file* f) { return Methods(f)->xSectorSize(Below(f)); }
  static int DeviceCharacteristics(sqlite3_file* f) {
    return Methods(f)->xDeviceCharacteristics(Below(f));
  }
  static int ShmMap(sqlite3_file* f, int page, int size, int extend, void volatile** to) {
    return Methods(f)->xShmMap(Below(f), page, size, extend, to);
  }
  static int ShmLock(sqlite3_file* f, int offset, int n, int flags) {
    return Methods(f)->xShmLock(Below(f), offset, n, flags);
  }
  static void ShmBarrier(sqlite3_file* f) { Methods(f)->xShmBarrier(Below(f)); }
  static int ShmUnmap(sqlite3_file* f, int remove) {
    return Methods(f)->xShmUnmap(Below(f), remove);
  }
};

namespace {

const sqlite3_io_methods kMethods = {
    .iVersion = 2,
    .xClose = FaultFile::Close,
    .xRead = FaultFile::Read,
    .xWrite = FaultFile::Write,
    .xTruncate = FaultFile::Truncate,
    .xSync = FaultFile::Sync,
    .xFileSize = FaultFile::FileSize,
    .xLock = FaultFile::Lock,
    .xUnlock = FaultFile::Unlock,
    .xCheckReservedLock = FaultFile::CheckReservedLock,
    .xFileControl = FaultFile::FileControl,
    .xSectorSize = FaultFile::SectorSize,
    .xDeviceCharacteristics = FaultFile::DeviceCharacteristics,
    .xShmMap = FaultFile::ShmMap,
    .xShmLock = FaultFile::ShmLock,
    .xShmBarrier = FaultFile::ShmBarrier,
    .xShmUnmap = FaultFile::ShmUnmap,
};

int OpenFile(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  FaultVfs* self = static_cast<FaultVfs*>(vfs->pAppData);
  sqlite3_vfs* below = sqlite3_vfs_find(nullptr);
  FaultFile* mine = new (file) FaultFile{};
  mine->vfs = self;
  mine->is_wal = (flags & SQLITE_OPEN_WAL) != 0;
  const int code = below->xOpen(below, name, FaultFile::Below(file), flags, out_flags);
  mine->base.pMethods = FaultFile::Methods(file) != nullptr ? &kMethods : nullptr;
  return code;
}

std::atomic<int> vfs_count{0};

}  // namespace

FaultVfs::FaultVfs()
    : name_("orch-faults-" + std::to_string(++vfs_count)),
      below_(sqlite3_vfs_find(nullptr)),
      vfs_(*below_) {
  vfs_.szOsFile = static_cast<int>(sizeof(FaultFile)) + below_->szOsFile;
  vfs_.zName = name_.c_str();
  vfs_.pNext = nullptr;
  vfs_.pAppData = this;
  vfs_.xOpen = OpenFile;
  // The others take the VFS for its own data, which is that of the one below.
  vfs_.xDelete = [](sqlite3_vfs*, const char* name, int sync) {
    sqlite3_vfs* below = sqlite3_vfs_find(nullptr);
    return below->xDelete(below, name, sync);
  };
  vfs_.xAccess = [](sqlite3_vfs*, const char* name, int flags, int* out) {
    sqlite3_vfs* below = sqlite3_vfs_find(nullptr);
    return below->xAccess(below, name, flags, out);
  };
  vfs_.xFullPathname = [](sqlite3_vfs*, const char* name, int size, char* out) {
    sqlite3_vfs* below = sqlite3_vfs_find(nullptr);
    return below->xFullPathname(below, name, size, out);
  };
  sqlite3_vfs_register(&vfs_, /*makeDflt=*/0);
}

FaultVfs::~FaultVfs() { sqlite3_vfs_unregister(&vfs_); }

}  // namespace orch::store::sqlite
