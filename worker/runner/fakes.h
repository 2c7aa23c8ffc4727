// Ports of a runner that a test works by hand.
#pragma once

#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "base/mutex.h"
#include "worker/session/files.h"

namespace orch::worker {

// A storage in memory. Addresses are kestra:///<attempt>/<name>.
class FakeFiles final : public Files {
 public:
  absl::StatusOr<std::string> Upload(const v1::LeaseToken& token, const std::string& path,
                                     const std::string& name) override {
    std::ifstream in(path, std::ios::binary);
    if (!in) return absl::NotFoundError("no file " + path);
    std::stringstream text;
    text << in.rdbuf();
    const std::string uri = "kestra:///" + token.attempt() + "/" + name;
    MutexLock lock(&mutex_);
    if (down_) return absl::UnavailableError("no line");
    stored_[uri] = text.str();
    return uri;
  }
  absl::Status Download(const v1::LeaseToken& token, const std::string& uri,
                        const std::string& path) override {
    MutexLock lock(&mutex_);
    const auto it = stored_.find(uri);
    if (it == stored_.end()) return absl::NotFoundError("no file " + uri);
    std::ofstream(path, std::ios::binary) << it->second;
    return absl::OkStatus();
  }

  void Put(const std::string& uri, const std::string& text) {
    MutexLock lock(&mutex_);
    stored_[uri] = text;
  }
  std::string Get(const std::string& uri) {
    MutexLock lock(&mutex_);
    return stored_[uri];
  }
  void SetDown(bool down) {
    MutexLock lock(&mutex_);
    down_ = down;
  }

 private:
  Mutex mutex_;
  std::map<std::string, std::string> stored_ ABSL_GUARDED_BY(mutex_);
  bool down_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace orch::worker
