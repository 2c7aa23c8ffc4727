#include "expression/renderer.h"

#include <list>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "base/mutex.h"
#include "expression/ast.h"
#include "expression/convert.h"
#include "expression/evaluator.h"
#include "expression/parser.h"
#include "expression/registry.h"
#include "expression/text.h"

namespace orch::expression {

// Compiled texts, the least recently used at the end of the list.
class Renderer::Cache : public Compiler {
 public:
  explicit Cache(size_t bytes_max) : bytes_max_(bytes_max) {}

  std::shared_ptr<const Template> Compile(std::string_view text) override {
    {
      const MutexLock lock(&mutex_);
      const auto found = index_.find(absl::string_view(text.data(), text.size()));
      if (found != index_.end()) {
        ++stats_.hits;
        used_.splice(used_.begin(), used_, found->second);
        return *found->second;
      }
      ++stats_.misses;
    }
    std::shared_ptr<const Template> compiled = Parse(text);
    if (compiled->bytes() > bytes_max_ / 4) return compiled;  // It would drive out too many others.
    const MutexLock lock(&mutex_);
    const std::string& source = compiled->source();
    const absl::string_view key(source);
    if (index_.contains(key)) return compiled;  // Somebody else was faster.
    used_.push_front(compiled);
    index_.emplace(key, used_.begin());
    stats_.bytes += compiled->bytes();
    while (stats_.bytes > bytes_max_) {
      const Template& oldest = *used_.back();
      stats_.bytes -= oldest.bytes();
      index_.erase(absl::string_view(oldest.source()));
      used_.pop_back();
    }
    return compiled;
  }

  CacheStats stats() {
    const MutexLock lock(&mutex_);
    CacheStats stats = stats_;
    stats.texts = index_.size();
    return stats;
  }

 private:
  using Entries = std::list<std::shared_ptr<const Template>>;

  const size_t bytes_max_;
  Mutex mutex_;
  Entries used_ ABSL_GUARDED_BY(mutex_);
  // Keys are the sources of the templates in the list.
  absl::flat_hash_map<absl::string_view, Entries::iterator> index_ ABSL_GUARDED_BY(mutex_);
  CacheStats stats_ ABSL_GUARDED_BY(mutex_);
};

namespace {

Error ErrorOf(const Failure& failure, std::string_view source) {
  Error error;
  switch (failure.code) {
    case Failure::Code::kMissing: error.code = Error::Code::kMissing; break;
    case Failure::Code::kSyntax: error.code = Error::Code::kSyntax; break;
    case Failure::Code::kLimit: error.code = Error::Code::kLimit; break;
    default: error.code = Error::Code::kEval; break;
  }
  error.line = failure.line;
  error.message = Evaluator::Message(failure, failure.source.empty() ? source : failure.source);
  return error;
}

Outcome OutcomeOf(Result<Value> result, const Evaluator& evaluator, std::string_view source) {
  if (result.ok()) return *std::move(result);
  if (result.Failed(Failure::Code::kNeed)) return Need{evaluator.needs()};
  return ErrorOf(result.failure(), source);
}

// A text of a list or map property: what a lone `{{ … }}` yields is taken as JSON by Convert.
Result<Value> RenderedProperty(Evaluator& evaluator, const Value& value, const TargetType& target) {
  if (value.is_null()) {
    if (target.kind == TargetType::Kind::kList) return Value::List({});
    if (target.kind == TargetType::Kind::kMap) return MapBuilder().Build();
    return Value::Null();
  }
  const bool container =
      target.kind == TargetType::Kind::kList || target.kind == TargetType::Kind::kMap;
  if (value.is_string() && !container) {
    ASSIGN_OR_FAIL(const Value rendered,
                   evaluator.Render(value.AsString(), target.kind == TargetType::Kind::kAny));
    if (rendered.is_null() && target.kind == TargetType::Kind::kString) return Value::Null();
    return Convert(rendered.TaintedIf(value.AnyTainted()), target);
  }
  ASSIGN_OR_FAIL(const Value rendered, evaluator.RenderInside(value));
  return Convert(rendered, target);
}

std::string_view FirstText(const Value& value) {
  return value.is_string() ? std::string_view(value.AsString()) : std::string_view();
}

// Where an offset is, in lines and columns.
int ColumnOf(std::string_view text, size_t offset) {
  offset = std::min(offset, text.size());
  const size_t line_start = offset == 0 ? std::string_view::npos : text.rfind('\n', offset - 1);
  return static_cast<int>(offset - (line_start == std::string_view::npos ? 0 : line_start + 1)) + 1;
}

}  // namespace

Renderer::Renderer(size_t cache_bytes_max) : cache_(std::make_unique<Cache>(cache_bytes_max)) {}
Renderer::~Renderer() = default;

Outcome Renderer::RenderText(std::string_view text, const EvaluationContext& context) const {
  if (IsPlain(text)) return Value::String(std::string(text));
  Evaluator evaluator(context, cache_.get());
  return OutcomeOf(evaluator.Render(text, /*typed=*/false), evaluator, text);
}

Outcome Renderer::RenderTyped(std::string_view text, const EvaluationContext& context) const {
  if (IsPlain(text)) return Value::String(std::string(text));
  Evaluator evaluator(context, cache_.get());
  return OutcomeOf(evaluator.Render(text, /*typed=*/true), evaluator, text);
}

Outcome Renderer::RenderObject(const Value& value, const EvaluationContext& context) const {
  Evaluator evaluator(context, cache_.get());
  return OutcomeOf(evaluator.RenderInside(value), evaluator, FirstText(value));
}

Outcome Renderer::RenderProperty(const Value& value, const TargetType& target,
                                 const EvaluationContext& context) const {
  Evaluator evaluator(context, cache_.get());
  return OutcomeOf(RenderedProperty(evaluator, value, target), evaluator, FirstText(value));
}

std::vector<SyntaxComplaint> Renderer::Check(std::string_view text) const {
  std::vector<SyntaxComplaint> complaints;
  if (IsPlain(text)) return complaints;
  const std::shared_ptr<const Template> compiled = cache_->Compile(text);
  // Raw parts shift what is behind them: the line holds, the column may not.
  const auto add = [&](int line, size_t offset, std::string message) {
    complaints.push_back({line, ColumnOf(text, offset), std::move(message)});
  };
  if (compiled->fault) {
    add(compiled->fault->line, compiled->fault->offset, compiled->fault->message);
    return complaints;
  }
  for (const Expr& expr : compiled->exprs()) {
    if (expr.kind == ExprKind::kFilter && expr.filter == nullptr) {
      add(expr.line, expr.offset, "there is no filter '" + expr.name + "'");
    } else if (expr.kind == ExprKind::kTest && expr.test == nullptr) {
      add(expr.line, expr.offset, "there is no test '" + expr.name + "'");
    } else if (expr.kind == ExprKind::kCall && expr.function == nullptr && expr.name != "block" &&
               expr.name != "parent" && compiled->FindMacro(expr.name) == nullptr) {
      add(expr.line, expr.offset,
          IsUnbuiltFunction(expr.name) ? "function '" + expr.name + "' is not built yet"
                                       : "there is no function '" + expr.name + "'");
    }
  }
  return complaints;
}

Renderer::CacheStats Renderer::cache_stats() const { return cache_->stats(); }

bool IsPlain(std::string_view text) { return text.find('{') == std::string_view::npos; }

bool Truthy(std::string_view rendered) {
  const auto blank = [](char c) { return static_cast<unsigned char>(c) <= ' '; };
  while (!rendered.empty() && blank(rendered.front())) rendered.remove_prefix(1);
  while (!rendered.empty() && blank(rendered.back())) rendered.remove_suffix(1);
  return !rendered.empty() && rendered != "false" && rendered != "0" && rendered != "-0";
}

}  // namespace orch::expression
