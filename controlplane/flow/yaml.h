// Yaml is a parsed document that remembers where everything stands.
//
// Scalars: quoted and block texts stay text; plain ones are read as YAML 1.2's core schema does
// (null ~ true false 12 0x1f 0o17 1.5 1e3), but for `.inf` and `.nan`, which stay text. Keys are
// always text: `1:` is "1". Aliases are resolved; there are no merge keys.
//
// Threads     Immutable once read.
// Ownership   The document owns its nodes; they live as long as it does.
// Memory      Bounded by YamlLimits, which are checked while reading, before a node is built.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/flow/complaint.h"
#include "controlplane/flow/flow.h"
#include "expression/value.h"

namespace orch::flow {

struct YamlLimits {
  size_t bytes_max = 1024 * 1024;
  int depth_max = 256;               // Of lists and maps in each other, aliases resolved.
  int64_t node_count_max = 200'000;  // Aliases resolved: a node counts wherever it is seen.
  int64_t alias_count_max = 10'000;
};

struct YamlNode;

struct YamlEntry {
  std::string key;
  Mark key_mark;
  const YamlNode* value = nullptr;
  bool injected = false;  // From pluginDefaults, not written on the object.
};

struct YamlNode {
  enum class Kind { kNull, kBool, kInteger, kFloat, kText, kList, kMap };
  Kind kind = Kind::kNull;
  bool quoted = false;  // A quoted or block text.
  Mark mark;            // Columns count bytes.
  size_t position = 0;  // Of its first byte in the source.
  std::string text;     // A scalar as written.
  std::vector<const YamlNode*> items;
  std::vector<YamlEntry> entries;
  int64_t node_count = 1;
  int depth = 0;
  // What stood here before defaults were injected; nullptr when nothing was.
  const YamlNode* before_injection = nullptr;

  bool is_null() const { return kind == Kind::kNull; }
  bool is_list() const { return kind == Kind::kList; }
  bool is_map() const { return kind == Kind::kMap; }
  bool is_scalar() const { return kind < Kind::kList; }
  // The entry under a key; nullptr when there is none.
  const YamlEntry* Find(std::string_view key) const;
  // "a list", "a map", "text", "a number", ...: for messages.
  std::string KindName() const;
};

class YamlDocument {
 public:
  // Reads the first document of `text`. A null pointer when it cannot be read; why is added to
  // `complaints`, always with line and column. A second document is a warning: nobody reads it
  // here.
  static std::unique_ptr<YamlDocument> Read(std::string_view text, const YamlLimits& limits,
                                            std::vector<Complaint>* complaints);

  const YamlNode& root() const { return *root_; }
  // Where a place inside a text (1-based line and column of the text itself) stands in the source.
  // Exact for plain, quoted and literal texts without escapes; else near it.
  Mark Locate(const YamlNode& text, int line, int column) const;
  // A new node of this document, to be filled by the caller.
  YamlNode* Add();
  void set_root(const YamlNode* root) { root_ = root; }

 private:
  friend class YamlBuilder;
  std::string source_;
  std::deque<YamlNode> nodes_;
  const YamlNode* root_ = nullptr;
};

// The value of a node, with everything in it.
expression::Value ToValue(const YamlNode& node);

// The kind that a plain scalar has.
YamlNode::Kind KindOfPlain(std::string_view text);

// Reads a YAML text that is data, not a flow: inputs of type YAML.
//   kInvalidArgument  no YAML, or beyond a limit; the text names line and column.
absl::StatusOr<expression::Value> ParseYaml(std::string_view text, const YamlLimits& limits = {});

}  // namespace orch::flow
