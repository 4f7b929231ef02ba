#include <doctest/doctest.h>

#include "files/text.h"

using namespace eeinfer;

TEST_CASE("UTF-8 is taken strictly") {
  for (const char* sound : {"", "abc", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"}) {
    CHECK(is_utf8(sound));
  }
  for (const char* broken : {"\x80", "\xc0\x80", "\xc3", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80",
                             "\xff", "\xe2\x82", "a\xc3z"}) {
    CHECK_FALSE(is_utf8(broken));
  }
}

TEST_CASE("names of others do nothing to a terminal") {
  CHECK(in_quotes("plain") == "'plain'");
  CHECK(in_quotes("it's") == "\"it's\"");
  CHECK(in_quotes("both ' and \"") == "'both \\' and \"'");
  CHECK(in_quotes("back\\slash") == "'back\\\\slash'");
  CHECK(in_quotes("\x1b[2J\n\xc2\x9b") == "'\\x1b[2J\\n\\x9b'");
  CHECK(in_quotes("\xff\xc3\xa9") == "'\\xff\xc3\xa9'");
  CHECK(printable("a\tb\x7f") == "a\\tb\\x7f");
}

TEST_CASE("numbers are said in the fewest digits") {
  CHECK(number_text(1.1) == "1.1");
  CHECK(number_text(-0.1) == "-0.1");
  CHECK(number_text(0.1 + 0.2) == "0.30000000000000004");
  CHECK(number_text(2) == "2");
}
