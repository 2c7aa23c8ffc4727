// Where gathers the conditions of a query, and the parameters in the order of their numbers.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "controlplane/store/sql/session.h"

namespace orch::store::sql {

class Where {
 public:
  // Keeps a value and returns its name, such as "$3".
  std::string Param(int64_t value) { return Number(value); }
  std::string Param(std::string value) {
    held_.push_back(std::move(value));
    return Number(std::string_view(held_.back()));
  }

  void And(const std::string& condition) {
    text_ += text_.empty() ? " WHERE " : " AND ";
    text_ += condition;
  }

  // `column` is `ns`, or lies below it.
  void AndNamespace(const std::string& column, const std::string& ns) {
    // '/' follows '.', so the range holds exactly what begins with "ns.".
    And("(" + column + " = " + Param(ns) + " OR (" + column + " >= " + Param(ns + ".") + " AND " +
        column + " < " + Param(ns + "/") + "))");
  }

  const std::string& text() const { return text_; }
  const std::vector<SqlValue>& params() const { return params_; }

 private:
  std::string Number(SqlValue value) {
    params_.push_back(value);
    return "$" + std::to_string(params_.size());
  }

  std::string text_;
  std::deque<std::string> held_;  // Views in params_ point here.
  std::vector<SqlValue> params_;
};

}  // namespace orch::store::sql
