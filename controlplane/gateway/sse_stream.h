// SseStream writes messages as Server-Sent Events into an EventQueue.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/mutex.h"
#include "controlplane/api/event_stream.h"
#include "controlplane/gateway/http.h"

namespace orch::gateway {

// The answer begins with the first event, so that an error before it is an ordinary answer.
class SseStream final : public api::EventStream {
 public:
  // `begin` is called once: with OK and the queue to send, or with the error instead of it.
  // `data_field` is the member of each message that is its data; its `id` names the event.
  using Begin = std::function<void(const absl::Status&, std::shared_ptr<EventQueue>)>;
  SseStream(std::string data_field, Begin begin);

  bool Send(const google::protobuf::Message& event) override;
  size_t pending() const override;
  void End(const absl::Status& status) override;
  void Listen(std::function<void()> drained, std::function<void()> closed) override;

 private:
  void BeginWith(const absl::Status& status);

  const std::string data_field_;
  const std::shared_ptr<EventQueue> queue_ = std::make_shared<EventQueue>();
  Mutex mutex_;
  Begin begin_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace orch::gateway
