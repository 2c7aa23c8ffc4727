#include "secrets/scrubber.h"

#include <string>
#include <type_traits>
#include <vector>

#include "absl/strings/escaping.h"
#include "base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "secrets/encodings.h"
#include "secrets/secret.h"

namespace orch::secrets {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string Base64(const std::string& text) {
  return absl::Base64Escape(absl::string_view(text.data(), text.size()));
}

TEST(Scrubber, FindsTheValueAndItsEncodings) {
  const std::string secret = "p@ss \"w'ord/é\\1";
  const Scrubber scrubber({secret});
  struct Case {
    const char* name;
    std::string text;
    std::string clean;
  };
  const Case cases[] = {
      {"itself", "a " + secret + " b", "a ****** b"},
      {"twice", secret + "," + secret, "******,******"},
      {"JSON", R"({"k":"p@ss \"w'ord/é\\1"})", R"({"k":"******"})"},
      {"JSON in ASCII", R"("p@ss \"w'ord/\u00e9\\1")", R"("******")"},
      {"JSON with escaped slashes", R"("p@ss \"w'ord\/é\\1")", R"("******")"},
      {"shell, single quotes", R"('p@ss "w'\''ord/é\1')", R"('******')"},
      {"shell, quotes in quotes", R"('p@ss "w'"'"'ord/é\1')", R"('******')"},
      {"shell, backslashes", R"(p@ss\ \"w\'ord/é\\1)", "******"},
      {"URL", "x=p%40ss%20%22w%27ord%2F%C3%A9%5C1&", "x=******&"},
      {"URL in lower case", "x=p%40ss%20%22w%27ord%2f%c3%a9%5c1&", "x=******&"},
      {"form", "x=p%40ss+%22w%27ord%2F%C3%A9%5C1&", "x=******&"},
      {"path", "/p%40ss%20%22w%27ord/%C3%A9%5C1", "/******"},
      {"hex",
       "7040737320227727"
       "6f72642fc3a95c31",
       "******"},
      {"hex in upper case",
       "0x7040737320227727"
       "6F72642FC3A95C31",
       "0x******"},
      {"base64", "=" + Base64(secret) + ";", "=******;"},
      {"nothing", "p@ss", "p@ss"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(scrubber.Scrub(c.text), c.clean);
    EXPECT_EQ(scrubber.Holds(c.text), c.text != c.clean);
  }
}

TEST(Scrubber, FindsBase64AtEveryAlignment) {
  const std::string secret = "correct horse battery";
  const Scrubber scrubber({secret});
  for (const std::string prefix : {"", "u", "us", "use", "user:"}) {
    for (const std::string suffix : {"", "x", "xy", "xyz"}) {
      SCOPED_TRACE(prefix + "|" + suffix);
      const std::string text = Base64(prefix + secret + suffix);
      const std::string clean = scrubber.Scrub(text);
      EXPECT_THAT(clean, HasSubstr("******"));
      // At most one character on either side depends on the secret.
      EXPECT_LE(clean.size(), 6 + (prefix.size() * 8 + 5) / 6 + 1 + suffix.size() * 2 + 5);
      EXPECT_THAT(clean, Not(HasSubstr(Base64(secret).substr(4, 12))));
    }
  }
}

TEST(Scrubber, FindsBase64OfUrls) {
  const std::string secret =
      "\xfb\xff\xfe~~~?"
      "?>>>";
  const Scrubber scrubber({secret});
  std::string url = absl::WebSafeBase64Escape(absl::string_view(secret.data(), secret.size()));
  EXPECT_THAT(url, testing::ContainsRegex("[-_]"));
  EXPECT_EQ(scrubber.Scrub("t=" + url), "t=******");
}

TEST(Scrubber, FindsEachLineOfAValue) {
  const Scrubber scrubber({"-----BEGIN KEY-----\nMIIEvQ\nIBADAN\n-----END KEY-----\n"});
  EXPECT_EQ(scrubber.Scrub("got MIIEvQ"), "got ******");
  EXPECT_EQ(scrubber.Scrub("IBADAN, -----END KEY-----"), "******, ******");
  EXPECT_EQ(scrubber.Scrub("-----BEGIN KEY-----\nMIIEvQ\nIBADAN\n-----END KEY-----"), "******");
}

TEST(Scrubber, ShortLinesOfAValueMaskNothing) {
  const Scrubber scrubber({"{\n  \"key\": 1\n}"});
  EXPECT_EQ(scrubber.Scrub("{}"), "{}");
}

TEST(Scrubber, AClosingLineBreakIsNotNeeded) {
  const Scrubber scrubber({"hunter2\n"});
  EXPECT_EQ(scrubber.Scrub("hunter2"), "******");
  EXPECT_EQ(scrubber.Scrub(Base64("hunter2")), "******");
}

TEST(Scrubber, AShortValueIsMaskedAsItIs) {
  const Scrubber scrubber({"42"});
  EXPECT_EQ(scrubber.Scrub("x=42;"), "x=******;");
}

TEST(Scrubber, OverlappingValuesLeaveNoTail) {
  const Scrubber scrubber({"abcd", "cdef", "abc"});
  EXPECT_EQ(scrubber.Scrub("-abcdef-"), "-******-");
  EXPECT_EQ(scrubber.Scrub("-abcx-"), "-******x-");
  EXPECT_EQ(scrubber.Scrub("-abcdcdef-"), "-******-");
}

TEST(Scrubber, AValueThatOverlapsItselfLeavesNoTail) {
  const Scrubber scrubber({"aabaa"});
  EXPECT_EQ(scrubber.Scrub("xaabaabaay"), "x******y");
}

TEST(Scrubber, KnowsNothingOfEmptyValues) {
  const Scrubber scrubber({"", ""});
  EXPECT_FALSE(scrubber.knows_secrets());
  EXPECT_EQ(scrubber.Scrub("text"), "text");
}

TEST(ScrubStream, FindsAcrossEveryBorder) {
  const std::string text = "one SECRETVALUE two SECRET three SECRETVALUESECRETVALUE.";
  const Scrubber scrubber({"SECRETVALUE"});
  const std::string expected = "one ****** two SECRET three ******.";
  for (size_t first = 0; first <= text.size(); ++first) {
    for (size_t second = first; second <= text.size(); ++second) {
      ScrubStream stream(scrubber);
      std::string clean = stream.Feed(text.substr(0, first));
      clean += stream.Feed(text.substr(first, second - first));
      clean += stream.Feed(text.substr(second));
      clean += stream.Finish();
      ASSERT_EQ(clean, expected) << first << " " << second;
    }
  }
}

TEST(ScrubStream, GivesOutWhatCannotBecomeASecret) {
  const Scrubber scrubber({"SECRET"});
  ScrubStream stream(scrubber);
  EXPECT_EQ(stream.Feed("plain SEC"), "plain ");
  EXPECT_EQ(stream.Feed("ond"), "SECond");
}

// Random secrets hidden in random text, fed in random pieces: the same as at once, and nothing
// left.
TEST(ScrubStream, IsTheSameAsScrubbingAtOnce) {
  SeededRandom random(11);
  for (int round = 0; round < 300; ++round) {
    std::vector<std::string> secrets;
    for (uint64_t i = 0; i <= random.Below(3); ++i) {
      std::string secret;
      for (uint64_t k = 0; k < 4 + random.Below(12); ++k) {
        secret += static_cast<char>('a' + random.Below(3));
      }
      secrets.push_back(secret);
    }
    const Scrubber scrubber(secrets);
    std::string text;
    for (int i = 0; i < 20; ++i) {
      const std::string& secret = secrets[random.Below(secrets.size())];
      switch (random.Below(4)) {
        case 0: text += secret; break;
        case 1: text += Base64(secret); break;
        case 2: text += secret.substr(0, random.Below(secret.size())); break;
        default: text += static_cast<char>('a' + random.Below(5));
      }
    }
    const std::string whole = scrubber.Scrub(text);
    for (const std::string& secret : secrets) ASSERT_THAT(whole, Not(HasSubstr(secret)));
    ScrubStream stream(scrubber);
    std::string clean;
    for (size_t at = 0; at < text.size();) {
      const size_t size = 1 + random.Below(7);
      clean += stream.Feed(text.substr(at, size));
      at += size;
    }
    clean += stream.Finish();
    ASSERT_EQ(clean, whole) << text;
  }
}

TEST(Encodings, LargeValuesAreFoundAsTheyAreAndByLines) {
  std::string value;
  for (int i = 0; i < 2000; ++i) value += "line number " + std::to_string(i) + "\n";
  const Scrubber scrubber({value});
  EXPECT_EQ(scrubber.Scrub("see line number 1234."), "see ******.");
  EXPECT_EQ(scrubber.Scrub(value), "******");
}

static_assert(!std::is_convertible_v<Secret, std::string>);

TEST(Secret, IsEmptyAfterAMove) {
  Secret from("value");
  const Secret to = std::move(from);
  EXPECT_EQ(to.Expose(), "value");
  EXPECT_TRUE(from.empty());
}

}  // namespace
}  // namespace orch::secrets
