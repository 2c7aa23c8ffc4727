#include "secrets/scrubber.h"

#include <algorithm>
#include <array>
#include <deque>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "secrets/encodings.h"

namespace orch::secrets {

// Aho and Corasick's automaton: a node is the longest suffix of the text so far that begins some
// pattern.
struct Scrubber::Automaton {
  struct Node {
    uint32_t failure = 0;  // The next shorter such suffix.
    uint32_t depth = 0;    // Its length.
    uint32_t match = 0;    // Length of the longest pattern that ends here; 0: none.
  };

  std::vector<Node> nodes = std::vector<Node>(1);
  std::array<uint32_t, 256> first{};                 // Children of the root; 0: none.
  absl::flat_hash_map<uint64_t, uint32_t> children;  // (node << 8 | byte) of the others.

  uint32_t Child(uint32_t node, unsigned char byte) const {
    if (node == 0) return first[byte];
    const auto it = children.find(uint64_t{node} << 8 | byte);
    return it == children.end() ? 0 : it->second;
  }

  uint32_t Step(uint32_t node, unsigned char byte) const {
    while (true) {
      const uint32_t child = Child(node, byte);
      if (child != 0 || node == 0) return child;
      node = nodes[node].failure;
    }
  }

  void Add(std::string_view pattern) {
    uint32_t node = 0;
    for (const unsigned char byte : pattern) {
      uint32_t child = Child(node, byte);
      if (child == 0) {
        child = static_cast<uint32_t>(nodes.size());
        nodes.push_back({0, nodes[node].depth + 1, 0});
        if (node == 0) {
          first[byte] = child;
        } else {
          children[uint64_t{node} << 8 | byte] = child;
        }
      }
      node = child;
    }
    nodes[node].match = nodes[node].depth;
  }

  void Finish() {
    // By depth, so that a node's failure is finished before the node.
    std::vector<std::vector<std::pair<unsigned char, uint32_t>>> outgoing(nodes.size());
    for (const auto& [key, child] : children) {
      outgoing[key >> 8].emplace_back(static_cast<unsigned char>(key & 255), child);
    }
    std::deque<uint32_t> queue;
    for (const uint32_t child : first) {
      if (child != 0) queue.push_back(child);
    }
    while (!queue.empty()) {
      const uint32_t node = queue.front();
      queue.pop_front();
      nodes[node].match = std::max(nodes[node].match, nodes[nodes[node].failure].match);
      for (const auto& [byte, child] : outgoing[node]) {
        nodes[child].failure = Step(nodes[node].failure, byte);
        queue.push_back(child);
      }
    }
  }
};

Scrubber::Scrubber() = default;
Scrubber::~Scrubber() = default;
Scrubber::Scrubber(Scrubber&&) noexcept = default;
Scrubber& Scrubber::operator=(Scrubber&&) noexcept = default;

Scrubber::Scrubber(const std::vector<std::string>& values) {
  auto automaton = std::make_shared<Automaton>();
  for (const std::string& value : values) {
    for (const std::string& text : EncodingsOf(value)) automaton->Add(text);
  }
  if (automaton->nodes.size() == 1) return;
  automaton->Finish();
  automaton_ = std::move(automaton);
}

std::string Scrubber::Scrub(std::string_view text) const {
  if (automaton_ == nullptr || !Holds(text)) return std::string(text);
  ScrubStream stream(*this);
  std::string clean = stream.Feed(text);
  clean += stream.Finish();
  return clean;
}

bool Scrubber::Holds(std::string_view text) const {
  if (automaton_ == nullptr) return false;
  uint32_t node = 0;
  for (const unsigned char byte : text) {
    node = automaton_->Step(node, byte);
    if (automaton_->nodes[node].match != 0) return true;
  }
  return false;
}

ScrubStream::ScrubStream(const Scrubber& scrubber) : automaton_(scrubber.automaton_) {}

std::string ScrubStream::Feed(std::string_view piece) {
  if (automaton_ == nullptr) return std::string(piece);
  const size_t start = pending_.size();
  pending_ += piece;
  masked_.resize(pending_.size(), false);
  for (size_t i = start; i < pending_.size(); ++i) {
    node_ = automaton_->Step(node_, static_cast<unsigned char>(pending_[i]));
    const size_t match = automaton_->nodes[node_].match;
    // A match began no earlier than the suffix that was held back.
    for (size_t k = i + 1 - match; k <= i; ++k) masked_[k] = true;
  }
  return Give(pending_.size() - automaton_->nodes[node_].depth);
}

std::string ScrubStream::Finish() {
  if (automaton_ == nullptr) return "";
  std::string rest = Give(pending_.size());
  node_ = 0;
  in_mark_ = false;
  return rest;
}

std::string ScrubStream::Give(size_t decided) {
  std::string clean;
  for (size_t i = 0; i < decided; ++i) {
    if (!masked_[i]) {
      clean += pending_[i];
    } else if (!in_mark_) {
      clean += kMark;
    }
    in_mark_ = masked_[i];
  }
  pending_.erase(0, decided);
  masked_.erase(masked_.begin(), masked_.begin() + static_cast<ptrdiff_t>(decided));
  return clean;
}

}  // namespace orch::secrets
