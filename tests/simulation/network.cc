#include "tests/simulation/network.h"

#include <utility>
#include <vector>

namespace orch::simulation {

// One stream: two directions, each in order unless a fault says otherwise.
class Network::Stream final : public dispatch::Line,
                              public std::enable_shared_from_this<Network::Stream> {
 public:
  Stream(Network& network, int64_t id, std::string worker, Executor& worker_executor,
         worker::Link::Listener* listener)
      : network_(network),
        id_(id),
        worker_(std::move(worker)),
        worker_executor_(worker_executor),
        listener_(listener),
        dispatch_(network.dispatch_),
        dispatch_executor_(network.dispatch_executor_) {}

  const std::string& worker() const { return worker_; }

  void Dial() {
    network_.world_.PostAt(network_.Delay(), [self = shared_from_this()] {
      if (self->broken_) return;
      if (self->dispatch_ == nullptr || self->dispatch_ != self->network_.dispatch_ ||
          self->network_.partitioned_[self->worker_]) {
        self->Break();
        return;
      }
      self->dispatch_executor_->Post([self] {
        if (self->broken_) return;
        self->connection_ = self->dispatch_->Open(*self);
        self->standing_ = true;
        for (const v1::WorkerMessage& message : std::exchange(self->early_, {})) {
          self->FromWorker(message);
        }
      });
    });
  }

  // Worker -> control plane.
  void FromWorker(const v1::WorkerMessage& message) {
    if (broken_) return;
    if (!standing_) {
      early_.push_back(message);
      return;
    }
    Carry(&to_control_, message.message_case() == v1::WorkerMessage::kHello,
          [self = shared_from_this(), message] {
            if (self->broken_) return;
            self->dispatch_executor_->Post([self, message] {
              if (!self->broken_) self->dispatch_->OnMessage(self->connection_, message);
            });
          });
  }

  // Control plane -> worker (dispatch::Line).
  void Send(v1::ControlMessage message) override {
    if (broken_) return;
    const bool must = message.message_case() == v1::ControlMessage::kWelcome ||
                      message.message_case() == v1::ControlMessage::kRefused;
    Carry(&to_worker_, must, [self = shared_from_this(), message = std::move(message)] {
      if (self->broken_ || self->listener_ == nullptr) return;
      if (self->network_.on_delivered) self->network_.on_delivered(message);
      self->worker_executor_.Post([self, message] {
        if (self->listener_ != nullptr) self->listener_->OnMessage(message);
      });
    });
  }

  void Close() override {
    told_dispatch_ = true;
    network_.world_.PostAt(network_.Delay(), [self = shared_from_this()] { self->Break(); });
  }

  // The worker closed it, or is gone: nothing is told to it any more.
  void Abandon() {
    listener_ = nullptr;
    Break();
  }

  // Both sides learn of it, in their own time.
  void Break() {
    if (std::exchange(broken_, true)) return;
    if (listener_ != nullptr) {
      worker_executor_.Post([self = shared_from_this()] {
        worker::Link::Listener* listener = std::exchange(self->listener_, nullptr);
        if (listener != nullptr) listener->OnClosed(absl::UnavailableError("the stream was cut"));
      });
    }
    if (standing_ && !told_dispatch_) {
      // A process that is dead hears nothing; one that is paused hears it later.
      dispatch_executor_->Post([self = shared_from_this()] {
        if (!self->told_dispatch_) self->dispatch_->OnClosed(self->connection_);
      });
    }
    network_.streams_.erase(id_);
  }

 private:
  void Carry(absl::Duration* direction, bool must, std::function<void()> deliver) {
    Random& random = network_.random_;
    const NetworkFaults& faults = network_.faults_;
    if (random.Unit() < faults.cut_rate) {
      network_.sometimes_.Reach("a stream was cut");
      Break();
      return;
    }
    if (network_.partitioned_[worker_]) return;  // Nothing passes; nobody is told.
    if (!must && random.Unit() < faults.drop_rate) {
      network_.sometimes_.Reach("a message was lost on a live stream");
      return;
    }
    const absl::Duration now = network_.clock();
    absl::Duration at = now + network_.Delay();
    if (!must && random.Unit() < faults.reorder_rate) {
      network_.sometimes_.Reach("a message was overtaken");
    } else {
      at = std::max(at, *direction);
      *direction = at;
    }
    network_.world_.PostAt(at - now, deliver);
    if (!must && random.Unit() < faults.double_rate) {
      network_.sometimes_.Reach("a message arrived twice");
      network_.world_.PostAt(at - now + network_.Delay(), deliver);
    }
  }

  Network& network_;
  const int64_t id_;
  const std::string worker_;
  Executor& worker_executor_;
  worker::Link::Listener* listener_;
  dispatch::Dispatch* dispatch_;
  Executor* dispatch_executor_;
  int64_t connection_ = 0;
  bool standing_ = false;
  bool broken_ = false;
  bool told_dispatch_ = false;
  std::vector<v1::WorkerMessage> early_;
  absl::Duration to_control_;
  absl::Duration to_worker_;
};

class Network::WorkerLink final : public worker::Link {
 public:
  WorkerLink(Network& network, std::string worker, Executor& executor)
      : network_(network), worker_(std::move(worker)), executor_(executor) {}
  ~WorkerLink() override { Close(); }

  void Open(Listener* listener) override {
    const int64_t id = network_.next_stream_++;
    stream_ = std::make_shared<Stream>(network_, id, worker_, executor_, listener);
    network_.streams_[id] = stream_;
    listener_ = listener;
    stream_->Dial();
  }
  void Send(const v1::WorkerMessage& message) override {
    if (stream_ == nullptr) return;
    stream_->FromWorker(message);
    executor_.Post([this, stream = stream_] {
      if (stream == stream_ && listener_ != nullptr) listener_->OnSent();
    });
  }
  void Close() override {
    listener_ = nullptr;
    if (stream_ != nullptr) std::exchange(stream_, nullptr)->Abandon();
  }

 private:
  Network& network_;
  const std::string worker_;
  Executor& executor_;
  Listener* listener_ = nullptr;
  std::shared_ptr<Stream> stream_;
};

std::unique_ptr<worker::Link> Network::NewLink(const std::string& worker, Executor& executor) {
  return std::make_unique<WorkerLink>(*this, worker, executor);
}

absl::Duration Network::Delay() { return faults_.delay_max * random_.Unit(); }

void Network::Partition(const std::string& worker, bool cut) { partitioned_[worker] = cut; }

void Network::CutAll() {
  std::vector<std::shared_ptr<Stream>> streams;
  for (const auto& [id, stream] : streams_) streams.push_back(stream);
  for (const auto& stream : streams) stream->Break();
}

}  // namespace orch::simulation
