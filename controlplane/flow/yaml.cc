#include "controlplane/flow/yaml.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <sstream>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_format.h"
#include "yaml-cpp/depthguard.h"
#include "yaml-cpp/eventhandler.h"
#include "yaml-cpp/exceptions.h"
#include "yaml-cpp/parser.h"

namespace orch::flow {

namespace {

using expression::Value;

// Ends the reading of a document; yaml-cpp knows no other way out of its events.
struct Stop {
  Mark mark;
  std::string message;
};

Mark MarkOf(const YAML::Mark& mark) {
  if (mark.line < 0) return {};
  return {mark.line + 1, mark.column + 1};
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool AllOf(std::string_view text, bool (*test)(char)) {
  return !text.empty() && std::all_of(text.begin(), text.end(), test);
}

bool IsInteger(std::string_view text) {
  if (text.size() > 2 && text[0] == '0' && text[1] == 'x') {
    return AllOf(text.substr(2), [](char c) {
      return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    });
  }
  if (text.size() > 2 && text[0] == '0' && text[1] == 'o') {
    return AllOf(text.substr(2), [](char c) { return c >= '0' && c <= '7'; });
  }
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  return AllOf(text, IsDigit);
}

bool IsFloat(std::string_view text) {
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  size_t i = 0;
  while (i < text.size() && IsDigit(text[i])) ++i;
  size_t digit_count = i;
  if (i < text.size() && text[i] == '.') {
    const size_t from = ++i;
    while (i < text.size() && IsDigit(text[i])) ++i;
    digit_count += i - from;
  }
  if (digit_count == 0) return false;
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '-' || text[i] == '+')) ++i;
    return AllOf(text.substr(i), IsDigit);
  }
  return i == text.size();
}

// Where the first byte stands that is no UTF-8, or a character that YAML forbids; nullopt if all is
// well.
std::optional<std::pair<Mark, const char*>> FindBadText(std::string_view text) {
  Mark mark{1, 1};
  for (size_t i = 0; i < text.size();) {
    const unsigned char c = text[i];
    if (c == '\n') {
      ++mark.line, mark.column = 1, ++i;
      continue;
    }
    if (c < 0x80) {
      if ((c < 0x20 && c != '\t' && c != '\r') || c == 0x7f) {
        return std::make_pair(mark, "a control character is not allowed here");
      }
      ++i, ++mark.column;
      continue;
    }
    const int length = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    uint32_t point = c & (0xff >> (length + 1));
    bool good = c >= 0xc2 && c <= 0xf4 && i + length <= text.size();
    for (int k = 1; good && k < length; ++k) {
      const unsigned char next = text[i + k];
      good = (next & 0xc0) == 0x80;
      point = point << 6 | (next & 0x3f);
    }
    good = good && !(length == 3 && point < 0x800) && !(length == 4 && point < 0x10000) &&
           point <= 0x10ffff && !(point >= 0xd800 && point <= 0xdfff);
    if (!good) return std::make_pair(mark, "the text is not valid UTF-8");
    i += length, mark.column += length;
  }
  return std::nullopt;
}

}  // namespace

// Builds nodes from yaml-cpp's events, and counts.
class YamlBuilder : public YAML::EventHandler {
 public:
  YamlBuilder(YamlDocument* document, const YamlLimits& limits, std::vector<Complaint>* complaints)
      : document_(document), limits_(limits), complaints_(complaints) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    YamlNode* node = NewNode(mark, anchor);
    Finish(node, anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) throw Stop{MarkOf(mark), "an alias without an anchor"};
    if (!found->second.second) {
      throw Stop{MarkOf(mark), "an alias stands inside what it names; write the value out"};
    }
    if (++alias_count_ > limits_.alias_count_max) {
      throw Stop{MarkOf(mark), absl::StrFormat("more than %d aliases; write the values out",
                                               limits_.alias_count_max)};
    }
    const YamlNode* node = found->second.first;
    Count(node->node_count, MarkOf(mark));
    if (static_cast<int>(stack_.size()) + node->depth > limits_.depth_max) TooDeep(MarkOf(mark));
    Place(node, MarkOf(mark));
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    YamlNode* node = NewNode(mark, anchor);
    node->text = value;
    node->quoted = tag == "!";
    node->kind = YamlNode::Kind::kText;
    if (tag == "?") {
      node->kind = KindOfPlain(value);
    } else if (tag == "tag:yaml.org,2002:null") {
      node->kind = YamlNode::Kind::kNull;
    } else if (tag == "tag:yaml.org,2002:bool" || tag == "tag:yaml.org,2002:int" ||
               tag == "tag:yaml.org,2002:float") {
      node->kind = KindOfPlain(value);
      if (tag.back() == 't' && tag[tag.size() - 2] == 'a' &&
          node->kind == YamlNode::Kind::kInteger) {
        node->kind = YamlNode::Kind::kFloat;
      }
    } else if (tag != "!" && tag != "tag:yaml.org,2002:str") {
      UnknownTag(mark, tag);
    }
    Finish(node, anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(YamlNode::Kind::kList, "tag:yaml.org,2002:seq", mark, tag, anchor);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(YamlNode::Kind::kMap, "tag:yaml.org,2002:map", mark, tag, anchor);
  }
  void OnMapEnd() override { Close(); }

  const YamlNode* root() const { return root_; }

 private:
  struct Frame {
    YamlNode* node;
    YAML::anchor_t anchor;
    bool wants_key = true;
    std::unordered_set<std::string> keys;
  };

  void Complain(Mark mark, std::string message) {
    complaints_->push_back({Severity::kError, mark, "", std::move(message)});
  }

  void UnknownTag(const YAML::Mark& mark, const std::string& tag) {
    Complain(MarkOf(mark),
             absl::StrFormat("the tag `%s` is not known; leave it out", tag.substr(0, 100)));
  }

  [[noreturn]] void TooDeep(Mark mark) {
    throw Stop{mark, absl::StrFormat("lists and maps nest deeper than %d", limits_.depth_max)};
  }

  void Count(int64_t nodes, Mark mark) {
    node_count_ += nodes;
    if (node_count_ > limits_.node_count_max) {
      throw Stop{mark, absl::StrFormat("the document has more than %d values, aliases written out",
                                       limits_.node_count_max)};
    }
  }

  YamlNode* NewNode(const YAML::Mark& mark, YAML::anchor_t anchor) {
    Count(1, MarkOf(mark));
    YamlNode* node = document_->Add();
    node->mark = MarkOf(mark);
    node->position = mark.pos < 0 ? 0 : static_cast<size_t>(mark.pos);
    if (anchor != 0) anchors_[anchor] = {node, false};
    return node;
  }

  void Open(YamlNode::Kind kind, const char* tag_allowed, const YAML::Mark& mark,
            const std::string& tag, YAML::anchor_t anchor) {
    if (static_cast<int>(stack_.size()) >= limits_.depth_max) TooDeep(MarkOf(mark));
    YamlNode* node = NewNode(mark, anchor);
    node->kind = kind;
    if (!tag.empty() && tag != "?" && tag != "!" && tag != tag_allowed) UnknownTag(mark, tag);
    stack_.push_back({node, anchor, true, {}});
    keys_.emplace_back();
  }

  void Close() {
    const Frame frame = std::move(stack_.back());
    stack_.pop_back();
    keys_.pop_back();
    YamlNode* node = frame.node;
    for (const YamlNode* item : node->items) {
      node->node_count += item->node_count;
      node->depth = std::max(node->depth, item->depth);
    }
    for (const YamlEntry& entry : node->entries) {
      node->node_count += entry.value->node_count;
      node->depth = std::max(node->depth, entry.value->depth);
    }
    ++node->depth;
    Finish(node, frame.anchor);
  }

  void Finish(const YamlNode* node, YAML::anchor_t anchor) {
    if (anchor != 0) anchors_[anchor].second = true;
    Place(node, node->mark);
  }

  // Puts a finished node where it belongs: into its list, or as key or value of its map.
  void Place(const YamlNode* node, Mark mark) {
    if (stack_.empty()) {
      root_ = node;
      return;
    }
    Frame& frame = stack_.back();
    if (frame.node->is_list()) {
      frame.node->items.push_back(node);
      return;
    }
    if (frame.wants_key) {
      if (!node->is_scalar()) throw Stop{mark, "a key must be a text, not a list or a map"};
      YamlEntry& key = keys_.back();
      key.key = node->is_null() && node->text.empty() ? "null" : node->text;
      key.key_mark = mark;
      frame.wants_key = false;
      return;
    }
    frame.wants_key = true;
    YamlEntry& key = keys_.back();
    if (!frame.keys.insert(key.key).second) {
      Complain(key.key_mark, absl::StrFormat("Duplicate field '%s'", key.key.substr(0, 200)));
      return;
    }
    frame.node->entries.push_back({std::move(key.key), key.key_mark, node, false});
  }

  YamlDocument* document_;
  const YamlLimits& limits_;
  std::vector<Complaint>* complaints_;
  const YamlNode* root_ = nullptr;
  std::vector<Frame> stack_;
  std::vector<YamlEntry> keys_;  // The key that waits for its value, for each frame.
  std::unordered_map<YAML::anchor_t, std::pair<const YamlNode*, bool>> anchors_;  // node, finished
  int64_t node_count_ = 0;
  int64_t alias_count_ = 0;
};

namespace {

// Stops at the first sign of another document.
class SecondDocumentProbe : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override { throw Stop{MarkOf(mark), ""}; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
};

std::string_view LineOf(std::string_view text, int line) {
  for (int at = 1; at < line; ++at) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  return text.substr(0, text.find('\n'));
}

}  // namespace

const YamlEntry* YamlNode::Find(std::string_view key) const {
  for (const YamlEntry& entry : entries) {
    if (entry.key == key) return &entry;
  }
  return nullptr;
}

std::string YamlNode::KindName() const {
  switch (kind) {
    case Kind::kNull: return "nothing";
    case Kind::kBool: return "a boolean";
    case Kind::kInteger: return "an integer";
    case Kind::kFloat: return "a number";
    case Kind::kText: return "a text";
    case Kind::kList: return "a list";
    case Kind::kMap: return "a map";
  }
  return "";
}

YamlNode* YamlDocument::Add() { return &nodes_.emplace_back(); }

std::unique_ptr<YamlDocument> YamlDocument::Read(std::string_view text, const YamlLimits& limits,
                                                 std::vector<Complaint>* complaints) {
  const auto refuse = [&](Mark mark, std::string message) {
    complaints->push_back({Severity::kError, mark, "", std::move(message)});
    return nullptr;
  };
  if (text.size() > limits.bytes_max) {
    return refuse({1, 1}, absl::StrFormat("the document has %d bytes; at most %d are read",
                                          text.size(), limits.bytes_max));
  }
  if (text.substr(0, 3) == "\xef\xbb\xbf") text.remove_prefix(3);
  if (const auto bad = FindBadText(text)) return refuse(bad->first, bad->second);

  auto document = std::make_unique<YamlDocument>();
  document->source_ = std::string(text);
  YamlBuilder builder(document.get(), limits, complaints);
  const size_t complaint_count = complaints->size();
  try {
    std::istringstream stream(document->source_);
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder) || builder.root() == nullptr) {
      return refuse({1, 1}, "the document is empty");
    }
    document->root_ = builder.root();
    try {
      SecondDocumentProbe probe;
      parser.HandleNextDocument(probe);
    } catch (const Stop& second) {
      if (LineOf(text, second.mark.line).substr(0, 3) != "---") {
        return refuse(second.mark,
                      "Illegal flow yaml: there is text after the end of the document");
      }
      complaints->push_back({Severity::kWarning, second.mark, "",
                             "a second document begins here; only the first one is read"});
    }
  } catch (const Stop& stop) {
    return refuse(stop.mark, stop.message);
  } catch (const YAML::DeepRecursion& e) {
    return refuse(MarkOf(e.mark),
                  absl::StrFormat("lists and maps nest deeper than %d", limits.depth_max));
  } catch (const YAML::Exception& e) {
    return refuse(MarkOf(e.mark), "Illegal flow yaml: " + e.msg);
  } catch (const std::exception& e) {
    return refuse({1, 1}, std::string("Illegal flow yaml: ") + e.what());
  }
  for (size_t i = complaint_count; i < complaints->size(); ++i) {
    if ((*complaints)[i].severity == Severity::kError) return nullptr;
  }
  return document;
}

Mark YamlDocument::Locate(const YamlNode& text, int line, int column) const {
  Mark mark = text.mark;
  const char first = text.position < source_.size() ? source_[text.position] : ' ';
  if (text.quoted && (first == '|' || first == '>')) {
    mark.line += line;
    const std::string_view shown = LineOf(source_, mark.line);
    const size_t indent = shown.find_first_not_of(' ');
    mark.column = column + static_cast<int>(indent == std::string_view::npos ? 0 : indent);
    return mark;
  }
  if (line > 1) return {mark.line + line - 1, column};
  mark.column += column - 1 + (text.quoted ? 1 : 0);
  return mark;
}

YamlNode::Kind KindOfPlain(std::string_view text) {
  using Kind = YamlNode::Kind;
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") {
    return Kind::kNull;
  }
  if (text == "true" || text == "True" || text == "TRUE" || text == "false" || text == "False" ||
      text == "FALSE") {
    return Kind::kBool;
  }
  if (IsInteger(text)) return Kind::kInteger;
  if (IsFloat(text)) return Kind::kFloat;
  return Kind::kText;
}

namespace {

Value IntegerValue(std::string_view text) {
  bool negative = false;
  int base = 10;
  if (text[0] == '-' || text[0] == '+') {
    negative = text[0] == '-';
    text.remove_prefix(1);
  } else if (text.size() > 2 && text[1] == 'x') {
    base = 16;
    text.remove_prefix(2);
  } else if (text.size() > 2 && text[1] == 'o') {
    base = 8;
    text.remove_prefix(2);
  }
  while (text.size() > 1 && text[0] == '0') text.remove_prefix(1);
  uint64_t magnitude = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), magnitude, base);
  constexpr uint64_t kMost = std::numeric_limits<int64_t>::max();
  if (error == std::errc() && magnitude <= kMost) {
    const int64_t value = static_cast<int64_t>(magnitude);
    return Value::Integer(negative ? -value : value);
  }
  if (error == std::errc()) return Value::BigInt((negative ? "-" : "") + std::to_string(magnitude));
  if (base == 10) return Value::BigInt((negative ? "-" : "") + std::string(text));
  return Value::String(std::string(text));  // 0x… beyond 64 bits.
}

Value FloatValue(std::string_view text) {
  if (text[0] == '+') text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range) return Value::BigDecimal(std::string(text));
  return Value::Double(value);
}

}  // namespace

Value ToValue(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNull: return Value::Null();
    case YamlNode::Kind::kBool: return Value::Bool(node.text[0] == 't' || node.text[0] == 'T');
    case YamlNode::Kind::kInteger: return IntegerValue(node.text);
    case YamlNode::Kind::kFloat: return FloatValue(node.text);
    case YamlNode::Kind::kText: return Value::String(node.text);
    case YamlNode::Kind::kList: {
      std::vector<Value> items;
      items.reserve(node.items.size());
      for (const YamlNode* item : node.items) items.push_back(ToValue(*item));
      return Value::List(std::move(items));
    }
    case YamlNode::Kind::kMap: {
      expression::MapBuilder map;
      for (const YamlEntry& entry : node.entries) map.Set(entry.key, ToValue(*entry.value));
      return map.Build();
    }
  }
  return Value::Null();
}

absl::StatusOr<Value> ParseYaml(std::string_view text, const YamlLimits& limits) {
  std::vector<Complaint> complaints;
  const auto document = YamlDocument::Read(text, limits, &complaints);
  if (document == nullptr) return StatusOf(complaints);
  return ToValue(document->root());
}

}  // namespace orch::flow
