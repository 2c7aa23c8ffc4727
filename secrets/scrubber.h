// Scrubber takes secret values out of text: every byte of every occurrence, in every listed
// encoding (encodings.h), even where occurrences overlap. What was found becomes `******`, once for
// each run of bytes that touch.
//
// Time        One look-up or so per byte, whatever the number of secrets.
// Threads     Immutable; used by many at once. A ScrubStream belongs to one.
// Memory      About 40 bytes per distinct byte of all encodings: some 20 times the secrets' size.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace orch::secrets {

inline constexpr std::string_view kMark = "******";

class ScrubStream;

class Scrubber {
 public:
  Scrubber();  // Knows no secret.
  // Empty values are passed over.
  explicit Scrubber(const std::vector<std::string>& values);
  ~Scrubber();
  Scrubber(Scrubber&&) noexcept;
  Scrubber& operator=(Scrubber&&) noexcept;

  bool knows_secrets() const { return automaton_ != nullptr; }

  // `text` without secrets.
  std::string Scrub(std::string_view text) const;

  // Whether Scrub would change it.
  bool Holds(std::string_view text) const;

 private:
  friend class ScrubStream;
  struct Automaton;
  std::shared_ptr<const Automaton> automaton_;
};

// ScrubStream scrubs a text that comes in pieces: what is given out never ends in the middle of
// something that could still become a secret.
//
// Memory      Holds back at most as many bytes as the longest encoding has.
class ScrubStream {
 public:
  // Shares what the scrubber knows.
  explicit ScrubStream(const Scrubber& scrubber);

  // Takes a piece in; gives out what is certain by now.
  std::string Feed(std::string_view piece);

  // The text is over: gives out the rest, and begins anew.
  std::string Finish();

 private:
  std::string Give(size_t decided);

  std::shared_ptr<const Scrubber::Automaton> automaton_;
  std::string pending_;       // Not given out yet.
  std::vector<bool> masked_;  // Which of its bytes are secret.
  uint32_t node_ = 0;
  bool in_mark_ = false;  // The last byte given out was part of a mark.
};

}  // namespace orch::secrets
