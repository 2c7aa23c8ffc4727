#include "secrets/sealer.h"

#include <set>

#include "absl/strings/escaping.h"
#include "base/status_matchers.h"

namespace orch::secrets {
namespace {

using testing::HasSubstr;

AesSealer SealerOf(char fill) {
  std::string key;
  absl::Base64Escape(std::string(32, fill), &key);
  return *AesSealer::FromKey(key);
}

TEST(AesSealer, OpensWhatItSealed) {
  const AesSealer sealer = SealerOf('k');
  for (const std::string& plain : {std::string(), std::string("s3cret"), std::string(100'000, 'x'),
                                   std::string("\0\x01\xff", 3)}) {
    ORCH_ASSERT_OK_AND_ASSIGN(const std::string sealed, sealer.Seal(plain, 7));
    EXPECT_THAT(sealer.Open(sealed), IsOkAndHolds(plain));
    EXPECT_TRUE(plain.empty() || sealed.find(plain) == std::string::npos);
  }
}

TEST(AesSealer, SealingIsAFunctionOfValueAndSeed) {
  const AesSealer sealer = SealerOf('k');
  EXPECT_EQ(*sealer.Seal("a", 1), *sealer.Seal("a", 1));
  EXPECT_NE(*sealer.Seal("a", 1), *sealer.Seal("a", 2));
}

TEST(AesSealer, TwoValuesUnderOneSeedShareNoNonce) {
  const AesSealer sealer = SealerOf('k');
  std::set<std::string> nonces;
  for (int i = 0; i < 1000; ++i) {
    std::string bytes;
    ASSERT_TRUE(absl::Base64Unescape(*sealer.Seal(std::to_string(i), 1), &bytes));
    nonces.insert(bytes.substr(0, 12));
  }
  EXPECT_EQ(nonces.size(), 1000u);
}

TEST(AesSealer, RefusesWhatAnotherKeySealedOrSomebodyChanged) {
  const AesSealer sealer = SealerOf('k');
  ORCH_ASSERT_OK_AND_ASSIGN(const std::string sealed, sealer.Seal("s3cret", 7));
  EXPECT_THAT(SealerOf('l').Open(sealed), StatusIs(absl::StatusCode::kInvalidArgument));
  for (size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_THAT(sealer.Open(changed), StatusIs(absl::StatusCode::kInvalidArgument)) << i;
  }
  EXPECT_THAT(sealer.Open(""), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(AesSealer, AKeyThatIsNotThirtyTwoBytesIsRefusedWithTheWayOut) {
  EXPECT_THAT(AesSealer::FromKey("c2hvcnQ="),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("openssl rand -base64 32")));
  EXPECT_THAT(AesSealer::FromKey("!!"), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace orch::secrets
