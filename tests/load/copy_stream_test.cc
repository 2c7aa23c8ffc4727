#include "tests/load/copy_stream.h"

#include <sstream>

#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace orch::load {
namespace {

using testing::HasSubstr;
using testing::Optional;

const std::string kHead("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
const std::string kEnd("\377\377", 2);

std::string Row(const std::string& value) {
  return std::string("\0\1\0\0\0", 5) + static_cast<char>(value.size()) + value;
}

TEST(CopyStreamTest, GivesTheValuesInOrderAndThenNothing) {
  std::istringstream in(kHead + Row("one") + Row("") + Row(std::string("\0\377", 2)) + kEnd);
  CopyStream stream(in);
  EXPECT_THAT(stream.Next(), IsOkAndHolds(Optional(std::string("one"))));
  EXPECT_THAT(stream.Next(), IsOkAndHolds(Optional(std::string(""))));
  EXPECT_THAT(stream.Next(), IsOkAndHolds(Optional(std::string("\0\377", 2))));
  EXPECT_THAT(stream.Next(), IsOkAndHolds(std::nullopt));
}

TEST(CopyStreamTest, SkipsAnExtensionOfTheHead) {
  std::istringstream in(kHead.substr(0, 18) + "\3abc" + Row("one") + kEnd);
  EXPECT_THAT(CopyStream(in).Next(), IsOkAndHolds(Optional(std::string("one"))));
}

TEST(CopyStreamTest, SaysThatAStreamWasCutOff) {
  for (const std::string& bytes : {kHead, kHead + Row("one").substr(0, 7), kHead + "\1"}) {
    std::istringstream in(bytes);
    EXPECT_THAT(CopyStream(in).Next().status(),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("cut off")));
  }
}

TEST(CopyStreamTest, RefusesWhatIsNoSuchStream) {
  for (const std::string& bytes : {std::string("ERROR: no table"), std::string(),
                                   kHead + std::string("\0\2\0\0\0\0", 6),  // Two columns.
                                   kHead + std::string("\0\1\377\377\377\377", 6)}) {  // A null.
    std::istringstream in(bytes);
    EXPECT_THAT(CopyStream(in).Next().status(), StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

}  // namespace
}  // namespace orch::load
