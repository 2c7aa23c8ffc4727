#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace orch::cli {

// One server-sent event.
struct SseEvent {
  std::string id;    // The last id told so far, "" before any.
  std::string name;  // "message" when none was told.
  std::string data;  // Lines joined by '\n'.
};

// SseParser takes an event stream in pieces of any size and gives back its events.
//
// An event without data is given too when it has an id of its own: that is how a server says that
// it is alive. A comment is nothing. Never fails: what is no field is passed over.
class SseParser {
 public:
  // The events that this piece completed, in their order.
  std::vector<SseEvent> Feed(std::string_view piece);

  const std::string& last_id() const { return last_id_; }

 private:
  void Line(std::string_view line, std::vector<SseEvent>& events);

  std::string pending_;
  bool skip_newline_ = false;  // The last byte was '\r'.
  std::string name_;
  std::string data_;
  bool has_data_ = false;
  bool has_id_ = false;
  std::string last_id_;
};

}  // namespace orch::cli
