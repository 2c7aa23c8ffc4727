#include "worker/link/grpc_link.h"

#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include <utility>

#include "base/mutex.h"
#include "orch/v1/worker.grpc.pb.h"
#include "worker/link/channel_internal.h"
#include "worker/link/errors.h"

namespace orch::worker {
namespace {

constexpr int kReadAhead = 8;

}  // namespace

// What calls share with their link, and may outlive it by a moment.
struct GrpcLink::State {
  State(std::shared_ptr<Channel> channel, Executor& executor)
      : channel(std::move(channel)),
        stub(v1::WorkerService::NewStub(GrpcOf(this->channel))),
        executor(executor) {}

  const std::shared_ptr<Channel> channel;
  const std::unique_ptr<v1::WorkerService::Stub> stub;
  Executor& executor;
  // Of the strand alone.
  std::shared_ptr<Call> call;
  Listener* listener = nullptr;

  Mutex mutex;
  CondVar changed;
  int live_calls ABSL_GUARDED_BY(mutex) = 0;  // That gRPC still knows.
};

// One stream. Keeps itself alive until gRPC has let go.
class GrpcLink::Call final : public grpc::ClientBidiReactor<v1::WorkerMessage, v1::ControlMessage>,
                             public std::enable_shared_from_this<Call> {
 public:
  explicit Call(std::weak_ptr<State> state, Executor& executor)
      : state_(std::move(state)), executor_(executor) {}

  void Start(State& state) {
    self_ = shared_from_this();
    {
      MutexLock lock(&state.mutex);
      ++state.live_calls;
    }
    state.stub->async()->Session(&context_, this);
    AddHold();  // For what the strand starts; released when reading has ended.
    {
      MutexLock lock(&mutex_);
      reading_ = true;
    }
    StartRead(&incoming_);
    StartCall();
  }

  void Write(const v1::WorkerMessage& message) {
    MutexLock lock(&mutex_);
    if (over_) return;  // OnClosed is on its way.
    outgoing_ = message;
    StartWrite(&outgoing_);
  }

  void Cancel() {
    context_.TryCancel();
    bool release = false;
    {
      MutexLock lock(&mutex_);
      release = !over_ && !reading_;
      if (release) over_ = true;
    }
    if (release) RemoveHold();
  }

  // The strand has taken a message in.
  void Taken() {
    bool read = false;
    {
      MutexLock lock(&mutex_);
      --waiting_;
      read = !over_ && !reading_ && waiting_ < kReadAhead;
      if (read) reading_ = true;
    }
    if (read) StartRead(&incoming_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      {
        MutexLock lock(&mutex_);
        over_ = true;
        reading_ = false;
      }
      RemoveHold();
      return;
    }
    auto message = std::make_shared<v1::ControlMessage>(std::move(incoming_));
    incoming_.Clear();
    Post([message](Call& call, Listener* listener) {
      call.Taken();
      listener->OnMessage(*message);
    });
    bool read = false;
    {
      MutexLock lock(&mutex_);
      ++waiting_;
      read = waiting_ < kReadAhead;
      reading_ = read;
    }
    if (read) StartRead(&incoming_);
  }

  void OnWriteDone(bool ok) override {
    if (ok) Post([](Call& call, Listener* listener) { listener->OnSent(); });
  }

  void OnDone(const grpc::Status& status) override {
    const absl::Status why = status.ok() ? LineEnded() : ToStatus(status);
    Post([why](Call& call, Listener* listener) {
      if (auto state = call.state_.lock()) state->call = nullptr;
      listener->OnClosed(why);
    });
    const std::shared_ptr<Call> self = std::move(self_);
    if (const auto state = state_.lock()) {
      MutexLock lock(&state->mutex);
      --state->live_calls;
      state->changed.SignalAll();
    }
  }

 private:
  // Runs `work` on the strand, if this is still the link's call.
  void Post(std::function<void(Call&, Listener*)> work) {
    executor_.Post([self = shared_from_this(), work = std::move(work)] {
      const auto state = self->state_.lock();
      if (state == nullptr || state->call != self) return;
      work(*self, state->listener);
    });
  }

  const std::weak_ptr<State> state_;
  Executor& executor_;
  std::shared_ptr<Call> self_;
  grpc::ClientContext context_;
  v1::ControlMessage incoming_;
  v1::WorkerMessage outgoing_;

  Mutex mutex_;
  bool over_ ABSL_GUARDED_BY(mutex_) = false;  // Nothing may be started any more.
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;
  int waiting_ ABSL_GUARDED_BY(mutex_) = 0;  // Messages posted and not taken.
};

GrpcLink::GrpcLink(std::shared_ptr<Channel> channel, Executor& executor)
    : state_(std::make_shared<State>(std::move(channel), executor)) {}

GrpcLink::~GrpcLink() {
  Close();
  MutexLock lock(&state_->mutex);
  while (state_->live_calls > 0) state_->changed.Wait(&state_->mutex);
}

void GrpcLink::Open(Listener* listener) {
  Close();
  state_->listener = listener;
  state_->call = std::make_shared<Call>(state_, state_->executor);
  state_->call->Start(*state_);
}

void GrpcLink::Send(const v1::WorkerMessage& message) {
  if (state_->call != nullptr) state_->call->Write(message);
}

void GrpcLink::Close() {
  const std::shared_ptr<Call> call = std::exchange(state_->call, nullptr);
  if (call != nullptr) call->Cancel();
}

}  // namespace orch::worker
