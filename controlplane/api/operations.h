// Operations is the table of handlers: one for each RPC, by its name.
//
// A new RPC is its declaration and one entry here. Check compares the two, so that a server with a
// handler missing does not start.
//
// Threads     Filled by one thread, then only read.
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controlplane/api/call.h"
#include "controlplane/api/event_stream.h"

namespace orch::api {

// What an RPC that answers BytesPart serves.
struct BytesAnswer {
  std::unique_ptr<storage::ByteSource> source;
  int64_t size = -1;  // -1: not known.
  std::string content_type = "application/octet-stream";
  std::string file_name;  // "": shown in place.
};

struct Operation {
  using MessagePtr = std::unique_ptr<google::protobuf::Message>;

  const google::protobuf::MethodDescriptor* method = nullptr;
  std::function<MessagePtr()> new_request;
  using Done = std::function<void(absl::StatusOr<MessagePtr>)>;
  // Exactly one of these. All but the last run on the pool and may block; `async` answers later,
  // from any thread, once. The last returns at once and goes on by callbacks.
  std::function<absl::StatusOr<MessagePtr>(const google::protobuf::Message&, Call&)> unary;
  std::function<void(const google::protobuf::Message&, std::shared_ptr<Call>, Done)> async;
  std::function<absl::StatusOr<BytesAnswer>(const google::protobuf::Message&, Call&)> bytes;
  std::function<void(const google::protobuf::Message&, const Call&, std::shared_ptr<EventStream>)>
      events;
};

class Operations {
 public:
  template <typename Request, typename Answer>
  void Unary(const std::string& name,
             std::function<absl::StatusOr<Answer>(const Request&, Call&)> handler) {
    Operation& operation = Add<Request>(name, Answer::descriptor());
    operation.unary = [handler = std::move(handler)](
                          const google::protobuf::Message& request,
                          Call& call) -> absl::StatusOr<Operation::MessagePtr> {
      absl::StatusOr<Answer> answer = handler(static_cast<const Request&>(request), call);
      if (!answer.ok()) return answer.status();
      return std::make_unique<Answer>(*std::move(answer));
    };
  }

  // `handler` may keep the request no longer than its call lasts.
  template <typename Request, typename Answer>
  void Async(const std::string& name,
             std::function<void(const Request&, std::shared_ptr<Call>,
                                std::function<void(absl::StatusOr<Answer>)>)>
                 handler) {
    Add<Request>(name, Answer::descriptor()).async =
        [handler = std::move(handler)](const google::protobuf::Message& request,
                                       std::shared_ptr<Call> call, Operation::Done done) {
          handler(static_cast<const Request&>(request), std::move(call),
                  [done = std::move(done)](absl::StatusOr<Answer> answer) {
                    if (!answer.ok()) return done(answer.status());
                    done(std::make_unique<Answer>(*std::move(answer)));
                  });
        };
  }

  template <typename Request>
  void Bytes(const std::string& name,
             std::function<absl::StatusOr<BytesAnswer>(const Request&, Call&)> handler) {
    Add<Request>(name, nullptr).bytes = [handler = std::move(handler)](
                                            const google::protobuf::Message& request, Call& call) {
      return handler(static_cast<const Request&>(request), call);
    };
  }

  template <typename Request>
  void Events(
      const std::string& name,
      std::function<void(const Request&, const Call&, std::shared_ptr<EventStream>)> handler) {
    Add<Request>(name, nullptr).events =
        [handler = std::move(handler)](const google::protobuf::Message& request, const Call& call,
                                       std::shared_ptr<EventStream> stream) {
          handler(static_cast<const Request&>(request), call, std::move(stream));
        };
  }

  // OK when every served RPC has the handler that it declares, and no handler lacks an RPC.
  //   kInternal  names all that do not.
  absl::Status Check() const;

  // nullptr when there is none.
  const Operation* Find(std::string_view name) const;

 private:
  template <typename Request>
  Operation& Add(const std::string& name, const google::protobuf::Descriptor* answer) {
    return AddEntry(name, Request::descriptor(), answer,
                    [] { return std::make_unique<Request>(); });
  }
  Operation& AddEntry(const std::string& name, const google::protobuf::Descriptor* request,
                      const google::protobuf::Descriptor* answer,
                      std::function<Operation::MessagePtr()> new_request);

  std::map<std::string, Operation, std::less<>> operations_;
  std::string faults_;
};

}  // namespace orch::api
