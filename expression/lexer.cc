#include "expression/lexer.h"

#include <array>
#include <optional>
#include <string>
#include <utility>

#include "expression/utf16.h"

namespace orch::expression {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsWordByte(char c) {
  return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

// Letters beyond ASCII: everything but the blocks of blanks, punctuation and symbols.
bool IsLetter(char32_t c) {
  if (c < 0x80) return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  if (c < 0xC0) return c == 0xAA || c == 0xB5 || c == 0xBA;
  if (c == 0xD7 || c == 0xF7 || c == 0xFFFD) return false;
  return !(c >= 0x2000 && c <= 0x206F) && !(c >= 0x20A0 && c <= 0x20CF) &&
         !(c >= 0x2190 && c <= 0x2BFF) && !(c >= 0x3000 && c <= 0x3004) && c < 0x1F000;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(source) {}

  std::variant<std::vector<Token>, SyntaxFault> Run() {
    while (!fault_ && at_ < source_.size()) LexText();
    if (fault_) return *std::move(fault_);
    Emit(TokenKind::kEnd, "");
    return std::move(tokens_);
  }

 private:
  bool Starts(std::string_view word) const { return source_.substr(at_, word.size()) == word; }

  void Advance(size_t bytes) {
    const size_t end = at_ + bytes;
    while (at_ < end) {
      const size_t length = LineBreakLength(source_, at_);
      if (length > 0) {
        ++line_;
        at_ += length;
      } else {
        ++at_;
      }
    }
  }

  void Emit(TokenKind kind, std::string text) {
    tokens_.push_back({kind, std::move(text), line_, at_});
  }

  void Fail(std::string message) {
    if (!fault_) fault_ = SyntaxFault{std::move(message), line_, at_};
  }

  // How many bytes of blanks start at `from`.
  size_t Blanks(size_t from) const {
    size_t end = from;
    while (end < source_.size()) {
      size_t next = end;
      const char32_t c = NextCodePoint(source_, &next);
      if (!IsJavaWhitespace(c) && c != 0x85) break;
      end = next;
    }
    return end - from;
  }

  static std::string RightTrimmed(std::string_view text) {
    while (!text.empty()) {
      size_t last = text.size() - 1;
      while (last > 0 && (text[last] & 0xC0) == 0x80) --last;
      size_t at = last;
      const char32_t c = NextCodePoint(text, &at);
      if (!IsJavaWhitespace(c) && c != 0x85) break;
      text = text.substr(0, last);
    }
    return std::string(text);
  }

  // Text up to the next delimiter, and the delimiter with what it opens.
  void LexText() {
    size_t next = at_;
    for (;; ++next) {
      next = source_.find('{', next);
      if (next == std::string_view::npos || next + 1 >= source_.size()) {
        next = source_.size();
        break;
      }
      const char kind = source_[next + 1];
      if (kind == '{' || kind == '%' || kind == '#') break;
    }
    if (trim_next_) Advance(std::min(Blanks(at_), next - at_));
    trim_next_ = false;
    if (next == source_.size()) {
      if (next > at_) Emit(TokenKind::kText, std::string(source_.substr(at_, next - at_)));
      at_ = next;
      return;
    }
    const bool trims =
        next + 2 < source_.size() && source_[next + 2] == '-' && Blanks(next + 3) > 0;
    const std::optional<size_t> verbatim = VerbatimTag(next, "verbatim");
    const bool trims_before =
        trims || (verbatim && next + 2 < source_.size() && source_[next + 2] == '-');
    std::string text(source_.substr(at_, next - at_));
    if (trims_before) text = RightTrimmed(text);
    if (!text.empty()) Emit(TokenKind::kText, std::move(text));
    Advance(next - at_);
    if (verbatim) return LexVerbatim(*verbatim);
    if (source_[at_ + 1] == '#') return LexComment();
    const bool print = source_[at_ + 1] == '{';
    Emit(print ? TokenKind::kPrintOpen : TokenKind::kTagOpen, print ? "{{" : "{%");
    Advance(trims ? 3 : 2);
    LexExpression(print ? "}}" : "%}");
    if (fault_) return;
  }

  void LexComment() {
    const size_t end = source_.find("#}", at_ + 2);
    if (end == std::string_view::npos) return Fail("Unclosed comment.");
    const bool closes_trimming = end >= at_ + 4 && source_[end - 1] == '-' &&
                                 IsJavaWhitespace(static_cast<unsigned char>(source_[end - 2]));
    Advance(end + 2 - at_);
    trim_next_ = closes_trimming;
  }

  // Where a `{% NAME %}` at `from` ends, if it is one.
  std::optional<size_t> VerbatimTag(size_t from, std::string_view name) const {
    if (source_.substr(from, 2) != "{%") return std::nullopt;
    size_t at = from + 2;
    if (at < source_.size() && source_[at] == '-') ++at;
    at += Blanks(at);
    if (source_.substr(at, name.size()) != name) return std::nullopt;
    at += name.size();
    at += Blanks(at);
    if (at < source_.size() && source_[at] == '-') ++at;
    if (source_.substr(at, 2) != "%}") return std::nullopt;
    return at + 2;
  }

  void LexVerbatim(size_t content) {
    size_t end = content;
    std::optional<size_t> after;
    while ((end = source_.find("{%", end)) != std::string_view::npos) {
      after = VerbatimTag(end, "endverbatim");
      if (after) break;
      end += 2;
    }
    if (!after) return Fail("Unclosed verbatim tag: \"endverbatim\" was never found.");
    Advance(content - at_);
    Advance(std::min(Blanks(at_), end - at_));
    std::string text(source_.substr(at_, end - at_));
    if (source_[end + 2] == '-') text = RightTrimmed(text);
    if (!text.empty()) Emit(TokenKind::kText, std::move(text));
    Advance(*after - at_);
    trim_next_ = source_[*after - 3] == '-';
  }

  // Whether the closing delimiter stands here, behind blanks and a dash at most.
  bool LexClose(std::string_view close) {
    size_t at = at_ + Blanks(at_);
    const bool dash = at < source_.size() && source_[at] == '-';
    if (dash) ++at;
    if (source_.substr(at, close.size()) != close) return false;
    Advance(at - at_);
    Emit(close == "}}" ? TokenKind::kPrintClose : TokenKind::kTagClose, std::string(close));
    Advance(close.size());
    trim_next_ = dash;
    return true;
  }

  // One expression or tag. Interpolations nest; the stack keeps what each of them waits for.
  void LexExpression(std::string_view close) {
    brackets_.clear();
    const int line = line_;
    const size_t offset = at_;
    while (!fault_) {
      if (brackets_.empty() && LexClose(close)) return;
      Advance(Blanks(at_));
      if (at_ >= source_.size()) {
        if (!brackets_.empty())
          return Fail("Unclosed \"" + std::string(1, brackets_.back()) + "\".");
        fault_ = SyntaxFault{"Unclosed expression: \"" + std::string(close) + "\" was never found.",
                             line, offset};
        return;
      }
      LexToken();
    }
  }

  void LexToken() {
    const char c = source_[at_];
    if (!brackets_.empty() && brackets_.back() == '#' && c == '}') {
      brackets_.pop_back();
      Emit(TokenKind::kInterpolationClose, "}");
      Advance(1);
      return LexStringParts();
    }
    if (const std::optional<size_t> length = OperatorLength()) {
      Emit(TokenKind::kOperator, std::string(source_.substr(at_, *length)));
      return Advance(*length);
    }
    if (IsDigit(c)) return LexNumber();
    if (c == '\'' || c == '"') return LexString(c);
    size_t end = at_;
    const char32_t first = NextCodePoint(source_, &end);
    if (IsLetter(first) || c == '_') return LexName();
    constexpr std::string_view kPunctuation = "()[]{}?:.,=";
    if (kPunctuation.find(c) == std::string_view::npos) {
      return Fail("Unexpected character \"" + std::string(source_.substr(at_, end - at_)) + "\".");
    }
    if (c == '(' || c == '[' || c == '{') brackets_.push_back(c);
    if (c == ')' || c == ']' || c == '}') {
      const char open = c == ')' ? '(' : c == ']' ? '[' : '{';
      if (brackets_.empty()) return Fail("Unexpected \"" + std::string(1, c) + "\".");
      if (brackets_.back() != open) {
        return Fail("Unclosed \"" + std::string(1, brackets_.back()) + "\".");
      }
      brackets_.pop_back();
    }
    Emit(TokenKind::kPunctuation, std::string(1, c));
    Advance(1);
  }

  std::optional<size_t> OperatorLength() const {
    static constexpr std::array<std::string_view, 7> kWords = {
        "is not", "contains", "equals", "isIn", "and", "not", "is"};
    static constexpr std::array<std::string_view, 17> kSigns = {
        "???", "??", "..", "==", "!=", ">=", "<=", ">", "<", "+", "-", "*", "/", "%", "~", "|", ""};
    for (const std::string_view word : kWords) {
      if (Starts(word) && !WordGoesOn(word.size())) return word.size();
    }
    if (Starts("or") && !WordGoesOn(2)) return 2;
    for (const std::string_view sign : kSigns) {
      if (!sign.empty() && Starts(sign)) return sign.size();
    }
    return std::nullopt;
  }

  bool WordGoesOn(size_t length) const {
    return at_ + length < source_.size() && IsWordByte(source_[at_ + length]);
  }

  void LexNumber() {
    size_t end = at_;
    while (end < source_.size() && IsDigit(source_[end])) ++end;
    if (end + 1 < source_.size() && source_[end] == '.' && IsDigit(source_[end + 1])) {
      ++end;
      while (end < source_.size() && IsDigit(source_[end])) ++end;
      Emit(TokenKind::kDecimal, std::string(source_.substr(at_, end - at_)));
      return Advance(end - at_);
    }
    Emit(TokenKind::kInteger, std::string(source_.substr(at_, end - at_)));
    if (end < source_.size() && source_[end] == 'L') ++end;
    Advance(end - at_);
  }

  void LexName() {
    size_t end = at_;
    while (end < source_.size()) {
      size_t next = end;
      const char32_t c = NextCodePoint(source_, &next);
      if (!IsLetter(c) && c != '_' && !(c >= '0' && c <= '9')) break;
      end = next;
    }
    Emit(TokenKind::kName, std::string(source_.substr(at_, end - at_)));
    Advance(end - at_);
  }

  void LexString(char quote) {
    size_t end = at_ + 1;
    bool interpolated = false;
    for (; end < source_.size() && source_[end] != quote; ++end) {
      if (source_[end] == '\\') {
        ++end;
      } else if (quote == '"' && source_[end] == '#') {
        interpolated = true;
        break;
      }
    }
    if (interpolated) {
      Emit(TokenKind::kStringOpen, "\"");
      Advance(1);
      return LexStringParts();
    }
    if (end >= source_.size()) return Fail("Unclosed string.");
    std::string text;
    for (size_t i = at_ + 1; i < end; ++i) {
      if (source_[i] == '\\' && source_[i + 1] == quote) ++i;
      text.push_back(source_[i]);
    }
    Emit(TokenKind::kString, std::move(text));
    Advance(end + 1 - at_);
  }

  // What follows in an interpolated string: a literal part, then its end or an interpolation.
  void LexStringParts() {
    size_t end = at_;
    while (end < source_.size() && source_[end] != '"' && source_.substr(end, 2) != "#{") {
      end += source_[end] == '\\' ? 2 : 1;
    }
    if (end >= source_.size()) return Fail("Unclosed string.");
    if (end > at_) {
      Emit(TokenKind::kStringPart, std::string(source_.substr(at_, end - at_)));
      Advance(end - at_);
    }
    if (source_[at_] == '"') {
      Emit(TokenKind::kStringClose, "\"");
      return Advance(1);
    }
    Emit(TokenKind::kInterpolationOpen, "#{");
    brackets_.push_back('#');
    Advance(2);
  }

  std::string_view source_;
  size_t at_ = 0;
  int line_ = 1;
  bool trim_next_ = false;
  std::string brackets_;  // Open ones; '#' is an interpolation.
  std::vector<Token> tokens_;
  std::optional<SyntaxFault> fault_;
};

}  // namespace

size_t LineBreakLength(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
  };
  switch (byte(at)) {
    case '\n': return 1;
    case '\r': return byte(at + 1) == '\n' ? 2 : 1;
    case 0xC2: return byte(at + 1) == 0x85 ? 2 : 0;
    case 0xE2:
      return byte(at + 1) == 0x80 && (byte(at + 2) == 0xA8 || byte(at + 2) == 0xA9) ? 3 : 0;
    default: return 0;
  }
}

std::variant<std::vector<Token>, SyntaxFault> Lex(std::string_view source) {
  return Lexer(source).Run();
}

}  // namespace orch::expression
