// SqlSession is one connection to a database, as far as shared queries need it.
//
// Parameters are written $1, $2, … and may be used more than once.
//
// Threads     Not thread-safe; lent to one caller at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace orch::store::sql {

struct Blob {
  std::string_view bytes;
};

// A parameter. Texts and blobs must outlive the call.
using SqlValue = std::variant<std::monostate, bool, int64_t, double, std::string_view, Blob>;

// One row of an answer, columns counted from 0. Texts and blobs live as long as the callback runs.
class SqlRow {
 public:
  virtual ~SqlRow() = default;
  virtual bool IsNull(int column) const = 0;
  virtual int64_t Int(int column) const = 0;
  virtual double Double(int column) const = 0;
  virtual std::string_view Bytes(int column) const = 0;  // A text or a blob; "" for NULL.

  bool Bool(int column) const { return Int(column) != 0; }
  std::string Text(int column) const { return std::string(Bytes(column)); }
};

class SqlSession {
 public:
  virtual ~SqlSession() = default;

  // Runs `each` on every row. Its first error ends the query and is returned.
  virtual absl::Status Query(const std::string& sql, const std::vector<SqlValue>& params,
                             const std::function<absl::Status(const SqlRow&)>& each) = 0;

  // Runs a statement that answers no rows; returns how many it changed.
  virtual absl::StatusOr<int64_t> Execute(const std::string& sql,
                                          const std::vector<SqlValue>& params) = 0;

  // Until EndSnapshot all queries see one state of the database.
  virtual absl::Status BeginSnapshot() = 0;
  virtual void EndSnapshot() = 0;

  // "A holds B somewhere", both texts, letter for letter.
  virtual std::string Contains(const std::string& text, const std::string& part) const = 0;
};

}  // namespace orch::store::sql
