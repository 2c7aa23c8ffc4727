#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "expression/value.h"

namespace orch::expression {

// Fact names something an expression needs that is not in memory.
//
//   function      arguments
//   kv            key, namespace or null, whether parent namespaces are searched as well
//   secret        key, namespace or null, whether parent namespaces are searched as well
//   read          path, namespace or null      -> text of the file
//   fileSize      path, namespace or null      -> bytes, i64
//   fileExists    path, namespace or null      -> bool
//   isFileEmpty   path, namespace or null      -> bool
//   errorLogs     none                         -> list of maps
//   http          map {uri, method, query, body, contentType, headers, options, accept}; unset ones
//                 are absent                   -> parsed body
//   subflow       map {namespace, id, inputs, revision, labels, timeout} -> outputs
//   jq            expression, input (any value) -> list of all results
//
// A null namespace appears only where the variables name no flow. A path is an internal address
// (`kestra:///…`, already checked against the variables) or belongs to the namespace.
struct Fact {
  std::string function;
  std::vector<Value> arguments;

  // Equal for equal facts, and for no others; deterministic. Holds the arguments in clear: a fact
  // with a tainted argument must not be stored or logged.
  std::string Key() const;
  bool tainted() const;
};

// Facts serves what has been fetched so far.
//
// An answer that is a status ends the evaluation with its message, with one exception: kNotFound for
// `kv` is null where the author allowed it. The answer to `secret` becomes tainted by itself;
// others only if their value says so.
class Facts {
 public:
  virtual ~Facts() = default;
  // Null pointer if it has not been fetched. The pointer must outlive the evaluation.
  virtual const absl::StatusOr<Value>* Find(const Fact& fact) const = 0;
};

// No facts at all.
class NoFacts : public Facts {
 public:
  const absl::StatusOr<Value>* Find(const Fact&) const override { return nullptr; }
};

}  // namespace orch::expression
