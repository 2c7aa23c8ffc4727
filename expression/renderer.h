#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "expression/context.h"
#include "expression/property.h"
#include "expression/value.h"

namespace orch::expression {

// One fault of a text that cannot be compiled, or that calls what does not exist.
struct SyntaxComplaint {
  int line = 1;    // 1-based, within the checked text
  int column = 1;  // 1-based, in bytes
  std::string message;
};

// Renderer evaluates texts with `{{ … }}` and `{% … %}` in them.
//
// A text is compiled once and kept, the least recently used going first. Rendering is a function of
// its arguments: the same text and context give the same outcome, on every machine. A rendering that
// lacks a fact stops with Need, after it has looked for every other fact it can reach.
//
// Time        Reads no clock: `now` comes in the context.
// Threads     Safe from many at once; compiled texts are shared.
// Memory      Compiled texts up to `cache_bytes_max`; per call, what its limits allow.
class Renderer {
 public:
  explicit Renderer(size_t cache_bytes_max = 16 * 1024 * 1024);
  ~Renderer();
  Renderer(const Renderer&) = delete;
  Renderer& operator=(const Renderer&) = delete;

  // The text, evaluated: a string, or null if its expressions wrote nothing. A text without braces
  // comes back as it is.
  Outcome RenderText(std::string_view text, const EvaluationContext& context) const;

  // As RenderText, but the value of a lone `{{ … }}` keeps its kind.
  Outcome RenderTyped(std::string_view text, const EvaluationContext& context) const;

  // A map or list with each text in it rendered, keys included, of two equal keys the first; a
  // string becomes a string; anything else stays what it is.
  Outcome RenderObject(const Value& value, const EvaluationContext& context) const;

  // A property rendered and converted. `value` is what the author wrote: a text, or a list or map
  // whose members are converted one by one. Null stays null, and so does empty text for every target
  // but String; an absent list or map is empty.
  Outcome RenderProperty(const Value& value, const TargetType& target,
                         const EvaluationContext& context) const;

  // What is wrong with a text, without evaluating it. Empty if nothing is. The compiler stops at its
  // first fault, so syntax gives at most one.
  std::vector<SyntaxComplaint> Check(std::string_view text) const;

  struct CacheStats {
    size_t texts = 0;
    size_t bytes = 0;
    int64_t hits = 0;
    int64_t misses = 0;
  };
  CacheStats cache_stats() const;

 private:
  class Cache;
  std::unique_ptr<Cache> cache_;
};

// Whether a text needs no rendering at all.
bool IsPlain(std::string_view text);

// How `runIf` and its relatives read a rendered text: blank, `false`, `0` and `-0` are false,
// everything else is true.
bool Truthy(std::string_view rendered);

}  // namespace orch::expression
