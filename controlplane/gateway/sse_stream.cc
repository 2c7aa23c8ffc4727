#include "controlplane/gateway/sse_stream.h"

#include <utility>

#include "controlplane/api/json/codec.h"

namespace orch::gateway {
namespace {

namespace pb = ::google::protobuf;

}  // namespace

SseStream::SseStream(std::string data_field, Begin begin)
    : data_field_(std::move(data_field)), begin_(std::move(begin)) {}

void SseStream::BeginWith(const absl::Status& status) {
  Begin begin;
  {
    MutexLock lock(&mutex_);
    begin = std::exchange(begin_, nullptr);
  }
  if (!begin) return;
  if (!status.ok()) return begin(status, nullptr);
  // Whoever lets go of it, sent or not, has ended the listening.
  begin(status, std::shared_ptr<EventQueue>(queue_.get(),
                                            [queue = queue_](EventQueue*) { queue->Close(); }));
}

bool SseStream::Send(const pb::Message& event) {
  const pb::Descriptor& type = *event.GetDescriptor();
  const pb::Reflection& r = *event.GetReflection();
  std::string text;
  if (const auto* id = type.FindFieldByName("id"); id != nullptr) {
    text += "id: " + r.GetString(event, id) + "\n";
  }
  const pb::FieldDescriptor* data = type.FindFieldByName(data_field_);
  text += "data: ";
  // Our JSON has no line breaks but those inside a user's value, where they mean nothing.
  std::string json;
  if (r.HasField(event, data)) {
    api::json::EncodeField(event, *data, &json);
  } else {
    json = "{}";
  }
  for (char& c : json) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  text += json + "\n\n";
  const bool sent = queue_->Push(std::move(text));
  BeginWith(absl::OkStatus());
  return sent;
}

size_t SseStream::pending() const { return queue_->pending(); }

void SseStream::End(const absl::Status& status) {
  queue_->End();
  BeginWith(status);
}

void SseStream::Listen(std::function<void()> drained, std::function<void()> closed) {
  queue_->Listen(std::move(drained), std::move(closed));
}

}  // namespace orch::gateway
