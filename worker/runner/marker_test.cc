#include "worker/runner/marker.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace orch::worker {
namespace {

std::string Fill(const std::string& json) {
  return FillMarkers(json, "n1", [](const LateField& field) -> std::string {
    switch (field.kind) {
      case LateField::Kind::kWorkingDir: return "/w \"q\"";
      case LateField::Kind::kOutputDir: return "/o";
      case LateField::Kind::kOutputFile: return "/f/" + field.name;
    }
    return "";
  });
}

TEST(Marker, IsReplacedByWhatItStandsFor) {
  EXPECT_EQ(Fill(R"({"a":"cd orch-late:n1:workingDir; && ls orch-late:n1:outputDir;"})"),
            R"({"a":"cd /w \"q\" && ls /o"})");
  EXPECT_EQ(Fill("orch-late:n1:outputFiles:612e747874;"), "/f/a.txt");
}

TEST(Marker, OfAnotherNonceOrShapeStays) {
  for (const char* text :
       {"orch-late:n2:workingDir;", "orch-late:n1:other;", "orch-late:n1:workingDir",
        "orch-late:n1:outputFiles:6;", "orch-late:n1:outputFiles:zz;"}) {
    EXPECT_EQ(Fill(text), text);
  }
  EXPECT_EQ(FillMarkers("orch-late::workingDir;", "", [](const LateField&) { return "x"; }),
            "orch-late::workingDir;");
}

}  // namespace
}  // namespace orch::worker
