#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "expression/token.h"
#include "expression/value.h"

namespace orch::expression {

struct FilterSpec;
struct FunctionSpec;
struct TestSpec;

enum class ExprKind : uint8_t {
  kLiteral,
  kBadInteger,
  kVariable,
  kInterpolation,
  kList,
  kMap,
  kTernary,
  kUnary,
  kCall,
  // Those below are evaluated along their left spine, without recursion.
  kBinary,
  kAttribute,
  kFilter,
  kTest,
};

enum class Op : uint8_t {
  kOr,
  kAnd,
  kContains,
  kEquals,
  kNotEquals,
  kGreater,
  kLess,
  kGreaterOrEqual,
  kLessOrEqual,
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kModulo,
  kConcat,
  kRange,
  kCoalesce,
  kCoalesceMissing,
  kIsIn,
  kNot,
  kPlus,
  kMinus,
};

struct Expr;

struct Arguments {
  std::vector<const Expr*> positional;
  std::vector<std::pair<std::string, const Expr*>> named;
};

struct Expr {
  ExprKind kind = ExprKind::kLiteral;
  Op op = Op::kOr;
  bool negated = false;  // kTest: `is not`
  bool call = false;     // kAttribute: a method
  int line = 1;
  size_t offset = 0;
  Value literal;               // kLiteral
  std::string name;            // variable, attribute, filter, function, test; digits of kBadInteger
  const Expr* left = nullptr;  // operand, input, object, condition
  const Expr* right = nullptr;                             // second operand, key, `then` branch
  const Expr* other = nullptr;                             // `else` branch
  std::vector<const Expr*> items;                          // kList, kInterpolation
  std::vector<std::pair<const Expr*, const Expr*>> pairs;  // kMap
  Arguments arguments;
  const FilterSpec* filter = nullptr;  // Found while parsing; null: there is none.
  const FunctionSpec* function = nullptr;
  const TestSpec* test = nullptr;
};

enum class NodeKind : uint8_t { kText, kPrint, kIf, kFor, kSet, kBlock, kFilter };

struct Node;
using Body = std::vector<const Node*>;

struct Branch {
  const Expr* condition = nullptr;  // None: else.
  int line = 1;
  Body body;
};

struct Node {
  NodeKind kind = NodeKind::kText;
  int line = 1;
  std::string text;                  // kText; or the name that kFor, kSet, kBlock bind
  const Expr* expr = nullptr;        // kPrint, kFor, kSet
  std::vector<Branch> branches;      // kIf
  Body body;                         // kFor, kBlock, kFilter
  Body otherwise;                    // kFor
  std::vector<const Expr*> filters;  // kFilter: in turn, each without an input
};

struct Macro {
  std::string name;
  std::vector<std::pair<std::string, const Expr*>> parameters;  // With their defaults.
  Body body;
  int line = 1;
};

// Template is one compiled text. Nodes live in it and refer to each other by pointer; however long
// a chain of operators is, destroying it does not recurse.
class Template {
 public:
  explicit Template(std::string source) : source_(std::move(source)) {}
  Template(const Template&) = delete;
  Template& operator=(const Template&) = delete;

  Expr* NewExpr(ExprKind kind, const Token& at) {
    Expr& expr = exprs_.emplace_back();
    expr.kind = kind;
    expr.line = at.line;
    expr.offset = at.offset;
    return &expr;
  }
  Node* NewNode(NodeKind kind, int line) {
    Node& node = nodes_.emplace_back();
    node.kind = kind;
    node.line = line;
    return &node;
  }

  const std::string& source() const { return source_; }
  const std::deque<Expr>& exprs() const { return exprs_; }
  size_t bytes() const {
    return 512 + source_.size() * 2 + exprs_.size() * sizeof(Expr) + nodes_.size() * sizeof(Node);
  }

  Body body;
  std::deque<Macro> macros;
  std::string duplicate_macro;  // Set if two macros share a name: an error once it is rendered.
  absl::flat_hash_map<std::string, const Node*> blocks;
  std::optional<SyntaxFault> fault;  // The text does not compile.
  bool too_deep = false;             // … because it nests too deeply.
  std::string raw_tag;               // What raw parts were replaced with, see raw.h.
  std::vector<std::string> raw_parts;

  const Macro* FindMacro(std::string_view name) const {
    for (const Macro& macro : macros) {
      if (macro.name == name) return &macro;
    }
    return nullptr;
  }

 private:
  std::string source_;
  std::deque<Expr> exprs_;
  std::deque<Node> nodes_;
};

}  // namespace orch::expression
