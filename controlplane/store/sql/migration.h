// Migration is one numbered step of a database's shape, from a file NNNN_name.sql.
#pragma once

#include <string>

namespace orch::store::sql {

struct Migration {
  int number = 0;  // From 1, without gaps.
  std::string name;
  std::string script;
};

}  // namespace orch::store::sql
