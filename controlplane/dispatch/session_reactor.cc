#include <deque>
#include <utility>

#include "base/mutex.h"
#include "controlplane/dispatch/grpc_services.h"

namespace orch::dispatch {

namespace {

// One stream. Lives until gRPC is done with it and dispatch has let go of it, whichever is later.
class SessionReactor final : public grpc::ServerBidiReactor<v1::WorkerMessage, v1::ControlMessage>,
                             public Line {
 public:
  SessionReactor(Dispatch& dispatch, Executor& executor)
      : dispatch_(dispatch), executor_(executor) {
    executor_.Post([this] {
      connection_ = dispatch_.Open(*this);
      Read();
    });
  }

  // Line, on the strand.
  void Send(v1::ControlMessage message) override {
    MutexLock lock(&mutex_);
    if (finished_ || closing_) return;
    queue_.push_back(std::move(message));
    WriteNext();
  }

  void Close() override {
    open_ = false;
    MutexLock lock(&mutex_);
    closing_ = true;
    if (!writing_) FinishNow(grpc::Status::OK);
  }

  // Reactor, on threads of gRPC.
  void OnReadDone(bool ok) override {
    if (!ok) {
      executor_.Post([this] { Closed(); });
      MutexLock lock(&mutex_);
      reading_ = false;
      if (!writing_) {
        FinishNow(grpc::Status::OK);
      } else {
        closing_ = true;
        queue_.clear();
      }
      ReleaseIfOver();
      return;
    }
    executor_.Post([this] {
      if (open_) dispatch_.OnMessage(connection_, incoming_);
      Read();
    });
  }

  void OnWriteDone(bool ok) override {
    MutexLock lock(&mutex_);
    writing_ = false;
    if (!queue_.empty()) queue_.pop_front();
    if (!ok) queue_.clear();
    if (closing_ && queue_.empty()) {
      FinishNow(grpc::Status::OK);
      return;
    }
    WriteNext();
  }

  void OnDone() override {
    MutexLock lock(&mutex_);
    done_ = true;
    ReleaseIfOver();
  }

 private:
  void Read() {
    MutexLock lock(&mutex_);
    if (finished_) {
      reading_ = false;
      ReleaseIfOver();
      return;
    }
    reading_ = true;
    incoming_.Clear();
    StartRead(&incoming_);
  }

  // On the strand.
  void Closed() {
    if (std::exchange(open_, false)) dispatch_.OnClosed(connection_);
  }

  void WriteNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (writing_ || finished_ || queue_.empty()) return;
    writing_ = true;
    StartWrite(&queue_.front());
  }

  void FinishNow(const grpc::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (std::exchange(finished_, true)) return;
    Finish(status);
  }

  // The last act on the strand, after every post of this stream.
  void ReleaseIfOver() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (!done_ || reading_ || std::exchange(released_, true)) return;
    executor_.Post([this] {
      Closed();
      {
        MutexLock lock(&mutex_);
      }  // Whoever posted this has let go of it.
      delete this;
    });
  }

  Dispatch& dispatch_;
  Executor& executor_;
  int64_t connection_ = 0;  // On the strand,
  bool open_ = true;        // as is this.
  v1::WorkerMessage incoming_;
  Mutex mutex_;
  std::deque<v1::ControlMessage> queue_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  bool reading_ ABSL_GUARDED_BY(mutex_) = true;  // A read, or the message it gave, is under way.
  bool done_ ABSL_GUARDED_BY(mutex_) = false;
  bool released_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace

grpc::ServerBidiReactor<v1::WorkerMessage, v1::ControlMessage>* WorkerServiceImpl::Session(
    grpc::CallbackServerContext*) {
  return new SessionReactor(dispatch_, executor_);
}

}  // namespace orch::dispatch
