#include "expression/parser.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <utility>

#include "expression/lexer.h"
#include "expression/raw.h"
#include "expression/registry.h"

namespace orch::expression {
namespace {

struct Binary {
  std::string_view text;
  int precedence;
  ExprKind kind;
  Op op;
};

constexpr std::array<Binary, 23> kBinaries = {{
    {"or", 10, ExprKind::kBinary, Op::kOr},
    {"and", 15, ExprKind::kBinary, Op::kAnd},
    {"is", 20, ExprKind::kTest, Op::kOr},
    {"is not", 20, ExprKind::kTest, Op::kOr},
    {"contains", 20, ExprKind::kBinary, Op::kContains},
    {"==", 30, ExprKind::kBinary, Op::kEquals},
    {"equals", 30, ExprKind::kBinary, Op::kEquals},
    {"!=", 30, ExprKind::kBinary, Op::kNotEquals},
    {">", 30, ExprKind::kBinary, Op::kGreater},
    {"<", 30, ExprKind::kBinary, Op::kLess},
    {">=", 30, ExprKind::kBinary, Op::kGreaterOrEqual},
    {"<=", 30, ExprKind::kBinary, Op::kLessOrEqual},
    {"+", 40, ExprKind::kBinary, Op::kAdd},
    {"-", 40, ExprKind::kBinary, Op::kSubtract},
    {"*", 60, ExprKind::kBinary, Op::kMultiply},
    {"/", 60, ExprKind::kBinary, Op::kDivide},
    {"%", 60, ExprKind::kBinary, Op::kModulo},
    {"|", 100, ExprKind::kFilter, Op::kOr},
    {"~", 110, ExprKind::kBinary, Op::kConcat},
    {"..", 120, ExprKind::kBinary, Op::kRange},
    {"??", 120, ExprKind::kBinary, Op::kCoalesce},
    {"???", 120, ExprKind::kBinary, Op::kCoalesceMissing},
    {"isIn", 120, ExprKind::kBinary, Op::kIsIn},
}};

constexpr int kUnaryPrecedence = 500;

// Recursive descent; the first fault ends it. After a fault every Next() gives the end token, so that
// the callers unwind without checks of their own.
class Parser {
 public:
  Parser(Template* target, std::vector<Token> tokens)
      : template_(target), tokens_(std::move(tokens)) {}

  void Run() {
    template_->body = ParseBody({}, "");
    if (!template_->fault && !Is(TokenKind::kEnd)) Unexpected();
  }

 private:
  const Token& current() const { return tokens_[at_]; }
  bool failed() const { return template_->fault.has_value(); }
  bool Is(TokenKind kind) const { return current().kind == kind; }
  bool Is(TokenKind kind, std::string_view text) const {
    return current().kind == kind && current().text == text;
  }
  bool IsPunctuation(std::string_view text) const { return Is(TokenKind::kPunctuation, text); }
  void Next() {
    if (at_ + 1 < tokens_.size()) ++at_;
  }
  bool Accept(TokenKind kind, std::string_view text) {
    if (!Is(kind, text)) return false;
    Next();
    return true;
  }

  void Fail(std::string message, const Token& at) {
    if (failed()) return;
    template_->fault = SyntaxFault{std::move(message), at.line, at.offset};
    at_ = tokens_.size() - 1;
  }
  void Unexpected() {
    const Token& token = current();
    Fail(token.kind == TokenKind::kEnd ? "Unexpected end of the template."
                                       : "Unexpected token \"" + token.text + "\".",
         token);
  }
  void Expect(TokenKind kind, std::string_view text) {
    if (Is(kind) && (text.empty() || current().text == text)) return Next();
    Fail("Unexpected token \"" + current().text + "\"; \"" + std::string(text) + "\" was expected.",
         current());
  }
  std::string ExpectName(std::string_view what) {
    if (!Is(TokenKind::kName)) {
      Fail("Unexpected token \"" + current().text + "\"; " + std::string(what) + " was expected.",
           current());
      return "";
    }
    std::string name = current().text;
    Next();
    return name;
  }

  // Counts one level of nesting while it lives.
  class Level {
   public:
    explicit Level(Parser* parser) : parser_(parser) {
      if (++parser_->depth_ > kNestingMax) {
        parser_->template_->too_deep = true;
        parser_->Fail("The expression nests too deeply.", parser_->current());
      }
    }
    ~Level() { --parser_->depth_; }

   private:
    Parser* parser_;
  };

  // Expressions ------------------------------------------------------------

  const Expr* Missing() { return template_->NewExpr(ExprKind::kLiteral, current()); }

  const Expr* ParseFull() {
    const Level level(this);
    if (failed()) return Missing();
    const Expr* expr = ParseOperators(0);
    if (!IsPunctuation("?")) return expr;
    Expr* ternary = template_->NewExpr(ExprKind::kTernary, current());
    Next();
    ternary->left = expr;
    ternary->right = ParseFull();
    Expect(TokenKind::kPunctuation, ":");
    ternary->other = ParseFull();
    return ternary;
  }

  const Expr* ParseOperators(int minimum) {
    const Expr* left = ParseUnary();
    while (!failed() && Is(TokenKind::kOperator)) {
      const Token token = current();
      const auto found =
          std::find_if(kBinaries.begin(), kBinaries.end(),
                       [&](const Binary& binary) { return binary.text == token.text; });
      if (found == kBinaries.end() || found->precedence < minimum) break;
      Next();
      // The line of an operator is that of the token behind it.
      Expr* expr = template_->NewExpr(found->kind, current());
      expr->left = left;
      expr->op = found->op;
      if (found->kind == ExprKind::kFilter) {
        ParseFilter(expr);
      } else if (found->kind == ExprKind::kTest) {
        expr->negated = token.text == "is not";
        expr->name = ExpectName("a test");
        expr->test = FindTest(expr->name);
        if (IsPunctuation("(")) expr->arguments = ParseArguments(/*named=*/true);
      } else {
        expr->right = ParseOperators(found->precedence + 1);
      }
      left = expr;
    }
    return left;
  }

  void ParseFilter(Expr* expr) {
    expr->name = ExpectName("a filter");
    expr->filter = FindFilter(expr->name);
    if (IsPunctuation("(")) expr->arguments = ParseArguments(/*named=*/true);
  }

  const Expr* ParseUnary() {
    Op op = Op::kNot;
    if (Is(TokenKind::kOperator, "+")) {
      op = Op::kPlus;
    } else if (Is(TokenKind::kOperator, "-")) {
      op = Op::kMinus;
    } else if (!Is(TokenKind::kOperator, "not")) {
      return ParseOperand();
    }
    const Level level(this);
    if (failed()) return Missing();
    Expr* expr = template_->NewExpr(ExprKind::kUnary, current());
    expr->op = op;
    Next();
    expr->left = ParseOperators(kUnaryPrecedence);
    return expr;
  }

  const Expr* ParseOperand() {
    const Token token = current();
    switch (token.kind) {
      case TokenKind::kName: return ParsePostfix(ParseNameOrCall());
      case TokenKind::kInteger: {
        Next();
        int64_t number = 0;
        const auto [end, error] =
            std::from_chars(token.text.data(), token.text.data() + token.text.size(), number);
        if (error == std::errc()) return Literal(token, Value::Long(number));
        Expr* bad = template_->NewExpr(ExprKind::kBadInteger, token);
        bad->name = token.text;
        return bad;
      }
      case TokenKind::kDecimal:
        Next();
        return Literal(token, Value::Double(std::strtod(token.text.c_str(), nullptr)));
      case TokenKind::kString:
        Next();
        return ParsePostfix(Literal(token, Value::String(token.text)));
      case TokenKind::kStringOpen: return ParsePostfix(ParseInterpolation());
      case TokenKind::kPunctuation:
        if (token.text == "(") {
          Next();
          const Expr* inner = ParseFull();
          Expect(TokenKind::kPunctuation, ")");
          return ParsePostfix(inner);
        }
        if (token.text == "[") return ParseList();
        if (token.text == "{") return ParseMap();
        [[fallthrough]];
      default: Unexpected(); return Missing();
    }
  }

  const Expr* Literal(const Token& token, Value value) {
    Expr* expr = template_->NewExpr(ExprKind::kLiteral, token);
    expr->literal = std::move(value);
    return expr;
  }

  const Expr* ParseNameOrCall() {
    const Token token = current();
    Next();
    const std::string& name = token.text;
    if (name == "true" || name == "TRUE") return Literal(token, Value::Bool(true));
    if (name == "false" || name == "FALSE") return Literal(token, Value::Bool(false));
    if (name == "null" || name == "NULL" || name == "none" || name == "NONE") {
      return Literal(token, Value::Null());
    }
    if (IsPunctuation("(")) {
      Expr* call = template_->NewExpr(ExprKind::kCall, token);
      call->name = name;
      call->function = FindFunction(name);
      call->arguments = ParseArguments(/*named=*/true);
      return call;
    }
    Expr* variable = template_->NewExpr(ExprKind::kVariable, token);
    variable->name = name;
    return variable;
  }

  const Expr* ParsePostfix(const Expr* expr) {
    while (!failed() && Is(TokenKind::kPunctuation)) {
      if (IsPunctuation(".")) {
        Next();
        Expr* attribute = template_->NewExpr(ExprKind::kAttribute, current());
        attribute->left = expr;
        attribute->name = ExpectName("an attribute");
        if (IsPunctuation("(")) {
          attribute->call = true;
          attribute->arguments = ParseArguments(/*named=*/false);
        }
        expr = attribute;
      } else if (IsPunctuation("[")) {
        Expr* attribute = template_->NewExpr(ExprKind::kAttribute, current());
        Next();
        attribute->left = expr;
        attribute->right = ParseFull();
        Expect(TokenKind::kPunctuation, "]");
        expr = attribute;
      } else {
        break;
      }
    }
    return expr;
  }

  Arguments ParseArguments(bool named) {
    Arguments arguments;
    Expect(TokenKind::kPunctuation, "(");
    while (!failed() && !IsPunctuation(")")) {
      if (!arguments.positional.empty() || !arguments.named.empty()) {
        Expect(TokenKind::kPunctuation, ",");
      }
      const bool has_name = Is(TokenKind::kName) && at_ + 1 < tokens_.size() &&
                            tokens_[at_ + 1].kind == TokenKind::kPunctuation &&
                            tokens_[at_ + 1].text == "=";
      if (has_name && !named)
        return Fail("A method takes no named arguments.", current()), arguments;
      if (has_name) {
        std::string name = current().text;
        Next();
        Next();
        arguments.named.emplace_back(std::move(name), ParseFull());
      } else if (!arguments.named.empty()) {
        Fail("Positional arguments must come before named ones.", current());
      } else {
        arguments.positional.push_back(ParseFull());
      }
    }
    Expect(TokenKind::kPunctuation, ")");
    return arguments;
  }

  const Expr* ParseList() {
    Expr* list = template_->NewExpr(ExprKind::kList, current());
    Next();
    while (!failed() && !IsPunctuation("]")) {
      if (!list->items.empty()) Expect(TokenKind::kPunctuation, ",");
      list->items.push_back(ParseFull());
    }
    Expect(TokenKind::kPunctuation, "]");
    return list;
  }

  const Expr* ParseMap() {
    Expr* map = template_->NewExpr(ExprKind::kMap, current());
    Next();
    while (!failed() && !IsPunctuation("}")) {
      if (!map->pairs.empty()) Expect(TokenKind::kPunctuation, ",");
      const Expr* key = ParseFull();
      Expect(TokenKind::kPunctuation, ":");
      map->pairs.emplace_back(key, ParseFull());
    }
    Expect(TokenKind::kPunctuation, "}");
    return map;
  }

  const Expr* ParseInterpolation() {
    Expr* expr = template_->NewExpr(ExprKind::kInterpolation, current());
    Next();
    while (!failed() && !Is(TokenKind::kStringClose)) {
      if (Is(TokenKind::kStringPart)) {
        const Token token = current();
        Next();
        expr->items.push_back(Literal(token, Value::String(token.text)));
      } else {
        Expect(TokenKind::kInterpolationOpen, "#{");
        expr->items.push_back(ParseFull());
        Expect(TokenKind::kInterpolationClose, "}");
      }
    }
    Next();
    return expr->items.size() == 1 ? expr->items[0] : expr;
  }

  // Tags ---------------------------------------------------------------------

  // Nodes up to a tag named in `ends`, which is left unread behind its opening.
  Body ParseBody(std::vector<std::string_view> ends, std::string_view looking_for) {
    Body body;
    const Level level(this);
    while (!failed()) {
      const Token token = current();
      if (token.kind == TokenKind::kText) {
        Node* node = template_->NewNode(NodeKind::kText, token.line);
        node->text = token.text;
        body.push_back(node);
        Next();
      } else if (token.kind == TokenKind::kPrintOpen) {
        Next();
        Node* node = template_->NewNode(NodeKind::kPrint, token.line);
        node->expr = ParseFull();
        Expect(TokenKind::kPrintClose, "}}");
        body.push_back(node);
      } else if (token.kind == TokenKind::kTagOpen) {
        Next();
        if (!Is(TokenKind::kName)) {
          Fail("A tag must begin with its name, not with \"" + current().text + "\".", current());
          break;
        }
        if (std::find(ends.begin(), ends.end(), current().text) != ends.end()) return body;
        if (const Node* node = ParseTag()) body.push_back(node);
      } else if (token.kind == TokenKind::kEnd) {
        if (!looking_for.empty()) {
          Fail("Unexpected end of template: the \"" + std::string(looking_for) +
                   "\" tag was never found.",
               token);
        }
        break;
      } else {
        Unexpected();
      }
    }
    return body;
  }

  void CloseTag() { Expect(TokenKind::kTagClose, "%}"); }

  // A tag, current at its name. Null for one that leaves no node.
  const Node* ParseTag() {
    const Token token = current();
    const std::string& name = token.text;
    Next();
    if (name == "if") return ParseIf(token.line);
    if (name == "for") return ParseFor(token.line);
    if (name == "set") return ParseSet(token.line);
    if (name == "block") return ParseBlock(token.line);
    if (name == "filter") return ParseFilterTag(token.line);
    if (name == "macro") {
      ParseMacro(token.line);
      return nullptr;
    }
    Fail("Unexpected tag name \"" + name + "\".", token);
    return nullptr;
  }

  const Node* ParseIf(int line) {
    Node* node = template_->NewNode(NodeKind::kIf, line);
    int branch_line = line;
    bool last = false;
    while (!failed()) {
      Branch branch;
      branch.line = branch_line;
      if (!last) branch.condition = ParseFull();
      CloseTag();
      branch.body =
          last ? ParseBody({"endif"}, "endif") : ParseBody({"elseif", "else", "endif"}, "endif");
      node->branches.push_back(std::move(branch));
      branch_line = current().line;
      if (Accept(TokenKind::kName, "endif")) break;
      if (Accept(TokenKind::kName, "else")) {
        last = true;
      } else {
        Expect(TokenKind::kName, "elseif");
      }
    }
    CloseTag();
    return node;
  }

  const Node* ParseFor(int line) {
    Node* node = template_->NewNode(NodeKind::kFor, line);
    node->text = ExpectName("a variable");
    Expect(TokenKind::kName, "in");
    node->expr = ParseFull();
    CloseTag();
    node->body = ParseBody({"else", "endfor"}, "endfor");
    if (Accept(TokenKind::kName, "else")) {
      CloseTag();
      node->otherwise = ParseBody({"endfor"}, "endfor");
    }
    Expect(TokenKind::kName, "endfor");
    CloseTag();
    return node;
  }

  const Node* ParseSet(int line) {
    Node* node = template_->NewNode(NodeKind::kSet, line);
    const Token token = current();
    node->text = ExpectName("a variable");
    for (const std::string_view reserved : {"true", "false", "null", "none"}) {
      if (node->text == reserved) Fail("\"" + node->text + "\" is reserved.", token);
    }
    Expect(TokenKind::kPunctuation, "=");
    node->expr = ParseFull();
    CloseTag();
    return node;
  }

  const Node* ParseBlock(int line) {
    Node* node = template_->NewNode(NodeKind::kBlock, line);
    if (Is(TokenKind::kString)) {
      node->text = current().text;
      Next();
    } else {
      node->text = ExpectName("the name of the block");
    }
    CloseTag();
    node->body = ParseBody({"endblock"}, "endblock");
    Expect(TokenKind::kName, "endblock");
    if (Is(TokenKind::kName) || Is(TokenKind::kString)) Next();
    CloseTag();
    template_->blocks[node->text] = node;
    return node;
  }

  const Node* ParseFilterTag(int line) {
    Node* node = template_->NewNode(NodeKind::kFilter, line);
    do {
      Expr* filter = template_->NewExpr(ExprKind::kFilter, current());
      ParseFilter(filter);
      node->filters.push_back(filter);
    } while (!failed() && Accept(TokenKind::kOperator, "|"));
    CloseTag();
    node->body = ParseBody({"endfilter"}, "endfilter");
    Expect(TokenKind::kName, "endfilter");
    CloseTag();
    return node;
  }

  void ParseMacro(int line) {
    Macro macro;
    macro.line = line;
    macro.name = ExpectName("the name of the macro");
    Expect(TokenKind::kPunctuation, "(");
    while (!failed() && !IsPunctuation(")")) {
      if (!macro.parameters.empty()) Expect(TokenKind::kPunctuation, ",");
      std::string parameter = ExpectName("a parameter");
      const Expr* fallback = nullptr;
      if (Accept(TokenKind::kPunctuation, "=")) fallback = ParseFull();
      macro.parameters.emplace_back(std::move(parameter), fallback);
    }
    Expect(TokenKind::kPunctuation, ")");
    CloseTag();
    macro.body = ParseBody({"endmacro"}, "endmacro");
    Expect(TokenKind::kName, "endmacro");
    if (Is(TokenKind::kName)) Next();
    CloseTag();
    if (template_->FindMacro(macro.name) != nullptr) template_->duplicate_macro = macro.name;
    template_->macros.push_back(std::move(macro));
  }

  Template* template_;
  std::vector<Token> tokens_;
  size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

std::shared_ptr<const Template> Parse(std::string_view source) {
  auto compiled = std::make_shared<Template>(std::string(source));
  RawParts raw = TakeOutRaw(source);
  compiled->raw_tag = std::move(raw.tag);
  compiled->raw_parts = std::move(raw.parts);
  auto lexed = Lex(raw.text);
  if (const auto* fault = std::get_if<SyntaxFault>(&lexed)) {
    compiled->fault = *fault;
  } else {
    Parser(compiled.get(), std::get<std::vector<Token>>(std::move(lexed))).Run();
  }
  return compiled;
}

}  // namespace orch::expression
