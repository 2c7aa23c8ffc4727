// A gRPC server that a test works by hand: it keeps what workers say, and says what it is told to.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "orch/v1/worker.pb.h"

namespace orch::worker {

class FakeControlPlane {
 public:
  // Listens on a unix socket.
  explicit FakeControlPlane(std::string socket);
  ~FakeControlPlane();

  std::string address() const { return "unix:" + socket_; }

  // Waits for a message that `is` likes, takes it out and returns it; those before it are dropped.
  // After 30 s an empty one.
  v1::WorkerMessage WaitFor(const std::function<bool(const v1::WorkerMessage&)>& is);
  // Says something on the newest stream.
  void Say(const v1::ControlMessage& message);
  // Ends the newest stream.
  void Cut();
  // Ends the server, and begins anew on the same socket.
  void GoDown();
  void ComeUp();

  std::map<std::string, std::string> files();  // Uploaded, by name.
  void PutFile(const std::string& uri, const std::string& bytes);
  void AnswerHellos(bool answer) { answer_hellos_ = answer; }

 private:
  struct Services;
  const std::string socket_;
  bool answer_hellos_ = true;
  std::unique_ptr<Services> services_;
  std::map<std::string, std::string> files_;
};

}  // namespace orch::worker
