// Tables of sources and the complaints that they draw, for tests of the reader.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "controlplane/flow/reader.h"
#include "gtest/gtest.h"

namespace orch::flow {

inline const TaskTypes& Types() {
  static const auto* const types = new TaskTypes(*TaskTypes::BuiltIn());
  return *types;
}

inline ReadOptions Everything() {
  ReadOptions options;
  options.features = EngineFeatures::All();
  return options;
}

inline std::vector<std::string> Texts(const ReadResult& result) {
  std::vector<std::string> texts;
  for (const Complaint& complaint : result.complaints) {
    static const char* const kNames[] = {"error ", "warning ", "info ", "deprecation "};
    texts.push_back(kNames[static_cast<int>(complaint.severity)] + ComplaintText(complaint));
  }
  return texts;
}

// A flow whose head is right, its `rest` from line 3 on.
inline std::string Yaml(std::string_view rest) {
  return "id: f\nnamespace: a\n" + std::string(rest);
}

inline constexpr char kOneTask[] = "tasks: [{id: t, type: debug.Return}]\n";

struct Case {
  const char* name;
  std::string yaml;
  std::vector<std::string> complaints;
};

inline void CheckAll(const std::vector<Case>& cases, const ReadOptions& options = Everything()) {
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const ReadResult result = ReadFlow(c.yaml, Types(), options);
    EXPECT_EQ(Texts(result), c.complaints);
    EXPECT_EQ(result.flow == nullptr, AnyError(result.complaints));
  }
}

}  // namespace orch::flow
