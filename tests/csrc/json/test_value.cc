// What is JSON, and what of it we read: the same as Python's reader, which tests/native compares on far more.
#include <doctest/doctest.h>

#include <string>

#include "json/fault.h"
#include "json/record.h"
#include "json/value.h"

using namespace eeinfer::json;

namespace {

std::string nested(int depth) { return std::string(static_cast<std::size_t>(depth), '[') + std::string(static_cast<std::size_t>(depth), ']'); }

}  // namespace

TEST_CASE("what is no JSON is refused") {
  for (const char* text : {"", "{", "{\"a\": 1,}", "[1,]", "01", "+1", ".5", "1.", "NaN", "1e400", "'x'", "\"\\ud800\"", "\"\\x\"",
                           "\"\xff\"", "\"\t\"", "1 2", "\xef\xbb\xbf{}", "/**/1", "tru"}) {
    INFO(text);
    CHECK_THROWS_AS(parse(text), Fault);
  }
  CHECK_THROWS_WITH_AS(parse(std::string("{}\0", 3)), "it has a null character", Fault);
}

TEST_CASE("how deep a text goes is limited, whatever the stack is") {
  CHECK_NOTHROW(parse(nested(100)));
  CHECK_THROWS_WITH_AS(parse(nested(101)), "it has lists or objects more than 100 deep", Fault);
  CHECK_THROWS_AS(parse(std::string(10'000'000, '[')), Fault);
}

TEST_CASE("a field that stands twice and a number beyond 64 bits are faults, wherever they are") {
  CHECK_FALSE(parse("{\"a\": {\"a\": 1}, \"b\": [{\"a\": 1}, {\"a\": 2}]}").fault);
  CHECK(*parse("{\"a\": 1, \"\\u0061\": 2}").fault == "has the field 'a' twice");
  CHECK(*parse("[[{\"x\": [], \"x\": []}]]").fault == "has the field 'x' twice");
  for (const char* sound : {"18446744073709551615", "-9223372036854775808", "1e30", "1.5", "-0", "1e-400"}) {
    CHECK_FALSE(parse(sound).fault);
  }
  for (const char* huge : {"18446744073709551616", "-9223372036854775809", "99999999999999999999999999"}) {
    CHECK(*parse(huge).fault == "has a whole number that does not fit into 64 bits");
  }
}

TEST_CASE("records say what is unknown, missing or of another type, and where") {
  const Parsed parsed = parse("{\"a\": {\"b\": [1, true, 2.5, \"x\", null]}}");
  const Node root(parsed.root, "$");
  CHECK_THROWS_WITH_AS(Record(root, {"b"}), "Object contains unknown field `a`", Mismatch);
  CHECK_THROWS_WITH_AS(Record(root, {"a", "c"}).needed("c"), "Object missing required field `c`", Mismatch);
  const std::vector<Node> values = Record(Record(root, {"a"}).needed("a"), {"b"}).needed("b").list();
  CHECK(values[0].whole() == 1);
  CHECK(values[0].number() == 1.0);
  CHECK(values[2].number() == 2.5);
  CHECK_THROWS_WITH_AS(values[1].whole(), "Expected `int`, got `bool` - at `$.a.b[1]`", Mismatch);
  CHECK_THROWS_WITH_AS(values[2].whole(), "Expected `int`, got `float` - at `$.a.b[2]`", Mismatch);
  CHECK_THROWS_WITH_AS(values[3].number(), "Expected `float`, got `str` - at `$.a.b[3]`", Mismatch);
  CHECK_THROWS_WITH_AS(values[0].text(), "Expected `str`, got `int` - at `$.a.b[0]`", Mismatch);
  CHECK(values[4].is_null());
}
