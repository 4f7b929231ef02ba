// Graphs written byte by byte: what they would read and do beyond their own file.
#include <doctest/doctest.h>

#include <string>

#include "eeinfer/error.h"
#include "eeinfer/graph_walk.h"

using namespace eeinfer;

namespace {

std::string varint(std::size_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}

std::string field(unsigned number, const std::string& content) {
  return varint(number << 3 | 2) + varint(content.size()) + content;
}

std::string entry(const std::string& key, const std::string& value) { return field(13, field(1, key) + field(2, value)); }

std::string outside(const std::string& location) {
  return entry("location", location) + entry("offset", "64") + entry("length", "100");
}

std::string model(const std::string& graph) { return field(7, graph); }

// A node with an attribute that holds a graph.
std::string branching(const std::string& graph) { return field(1, field(5, field(1, "then_branch") + field(6, graph))); }

std::string refusal(const std::string& data, Domains domains = Domains::standard) {
  try {
    references(data, "m.onnx", domains);
  } catch (const BundleError& error) {
    return error.what();
  }
  return "";
}

bool says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("external data is found wherever a tensor may stand") {
  const std::string sparse = field(1, outside("values")) + field(2, outside("indices"));
  const std::string attribute = field(1, "value") + field(5, outside("t")) + field(10, outside("list")) + field(22, sparse);
  const std::string inner = field(5, outside("inner"));
  const auto found = references(
      model(field(5, outside("initializer")) + field(15, sparse) + field(1, field(5, attribute)) + branching(inner)), "m");
  std::string names;
  for (const Reference& reference : found) names += reference.location + " ";
  CHECK(names == "initializer values indices t list values indices inner ");
  CHECK(found[0].offset == 64);
  CHECK(*found[0].length == 100);
}

TEST_CASE("external data is stated as onnx defines it") {
  for (const char* number : {"", "-1", "+1", " 1", "1e3", "0x10", "9999999999999999999"}) {
    INFO(number);
    CHECK(says(refusal(model(field(5, entry("location", "w") + entry("offset", number)))), "which is no number of bytes"));
  }
  CHECK(says(refusal(model(field(5, outside("w") + entry("prepacked", "x")))), "the key 'prepacked', unknown or given twice"));
  CHECK(says(refusal(model(field(5, outside("w") + entry("location", "x")))), "the key 'location', unknown or given twice"));
  CHECK(says(refusal(model(field(5, field(8, "location") + entry("length", "1")))), "without a location"));
}

TEST_CASE("what may stand once does not stand twice: readers merge the two") {
  const std::string place = entry("location", "w") + entry("length", "4"), further = entry("offset", "64");
  const auto attribute = [](const std::string& content) { return model(field(1, field(5, field(1, "value") + content))); };
  CHECK(says(refusal(model("") + model("")), "it has a graph twice where one may stand"));
  CHECK(says(refusal(attribute(field(5, place) + field(5, further))), "it has a tensor twice where one may stand"));
  CHECK(says(refusal(attribute(field(6, "") + field(6, field(2, "another name")))), "it has a graph twice where one may stand"));
  CHECK(says(refusal(attribute(field(22, field(1, place)) + field(22, field(1, further)))),
             "it has a sparse tensor twice where one may stand"));
  for (const unsigned part : {1U, 2U})
    CHECK(says(refusal(model(field(15, field(part, place) + field(part, further)))), "it has a tensor twice where one may"));
  CHECK(refusal(model(field(15, field(1, place) + field(2, place)))).empty());
  CHECK(refusal(attribute(field(10, place) + field(10, place) + field(23, field(1, place)) + field(23, field(1, place)))).empty());
}

TEST_CASE("a tensor has a data type that onnx knows") {
  const auto typed = [](const std::string& number) { return model(field(5, "\x10" + number + field(8, "w"))); };
  CHECK(refusal(typed(varint(31))).empty());
  for (const std::string& number : {varint(32), varint(~std::size_t{0}), varint(1u << 31)})
    CHECK(says(refusal(typed(number)), "it has a tensor of an unknown data type"));
}

TEST_CASE("what inputs and outputs are declared to be is read as readers merge it") {
  const auto axis = [](const std::string& size) { return field(1, size); };
  const auto value = [](const std::string& shape) { return field(1, "x") + field(2, field(1, field(2, shape))); };
  const std::string batch = axis(field(2, "batch")), three = axis("\x08\x03");
  const auto found = declared(model(field(11, value(batch + three)) + field(12, field(1, "y"))), "m");
  REQUIRE(found.size() == 1);
  CHECK(found[0].name == "x");
  CHECK(found[0].sizes == std::vector<std::optional<std::uint64_t>>{std::nullopt, 3});
  const auto twice = declared(model(field(12, value(batch) + field(2, field(1, "\x08\x21" + field(2, three))))), "m");
  CHECK(twice[0].sizes.size() == 3);
  CHECK_THROWS_AS(declared(model(field(11, field(2, "\x0a\x05"))), "m"), BundleError);
}

TEST_CASE("inputs and outputs say once what they are: readers merge what stands twice, or take the last") {
  const std::string size("\x08\x03"), type("\x08\x01");
  const auto end = [](const std::string& value) { return model(field(11, value)); };
  const auto of_type = [&](const std::string& content) { return end(field(2, content)); };
  const auto tensor = [&](const std::string& content) { return of_type(field(1, content)); };
  const auto axis = [&](const std::string& content) { return tensor(field(2, field(1, content))); };
  CHECK(refusal(axis(size)).empty());
  CHECK(refusal(tensor(type + field(2, field(1, size) + field(1, size)))).empty());
  CHECK(says(refusal(end(field(1, "x") + field(1, "y"))), "it has a name twice where one may stand"));
  CHECK(says(refusal(end(field(2, "") + field(2, ""))), "it has a type twice where one may stand"));
  for (const unsigned other : {1U, 4U, 5U, 7U, 8U, 9U})
    CHECK(says(refusal(of_type(field(1, type) + field(other, ""))), "it has a tensor type twice where one may stand"));
  CHECK(says(refusal(tensor(type + type)), "it has a data type twice where one may stand"));
  CHECK(says(refusal(tensor(field(2, "") + field(2, ""))), "it has a shape twice where one may stand"));
  CHECK(says(refusal(axis(size + "\x08\x04")), "it has a size twice where one may stand"));
  CHECK(says(refusal(axis(size + field(2, "batch"))), "it has a size twice where one may stand"));
  CHECK(declared(axis(size + "\x08\x04"), "m")[0].sizes == std::vector<std::optional<std::uint64_t>>{4});
}

TEST_CASE("attributes of few bytes are looked at too") {
  CHECK(says(refusal(model(field(1, field(5, field(5, "\x10\x63"))))), "it has a tensor of an unknown data type"));
}

TEST_CASE("functions, training graphs and operators of other domains are refused") {
  CHECK(says(refusal(model("") + field(25, "")), "it holds functions of its own"));
  CHECK(says(refusal(model("") + field(20, "")), "it holds a training graph"));
  CHECK(says(refusal(""), "it has no graph"));
  const std::string node = field(1, field(7, "com.microsoft"));
  CHECK(says(refusal(model(node)), "an operator of the domain 'com.microsoft'"));
  CHECK(says(refusal(model(branching(node))), "an operator of the domain 'com.microsoft'"));
  CHECK(refusal(model(node), Domains::optimised).empty());
  CHECK(says(refusal(model(field(1, field(7, "my.domain"))), Domains::optimised), "the domain 'my.domain'"));
  CHECK(says(refusal(model(field(1, field(7, "\xff")))), "a name that is no text"));
}

TEST_CASE("nodes and graphs inside graphs have a number and a depth") {
  std::string graph;
  for (int depth = 1; depth < 16; ++depth) graph = branching(graph);
  CHECK(refusal(model(graph)).empty());
  CHECK(says(refusal(model(branching(graph))), "more than 16 deep"));
  std::string nodes;
  for (int i = 0; i < 200'000; ++i) nodes += field(1, "");
  CHECK(refusal(model(nodes)).empty());
  CHECK(says(refusal(model(nodes + field(1, ""))), "more than 200000 nodes"));
}

TEST_CASE("broken protocol buffers are refused") {
  for (const std::string& data : {std::string("\x3a"), std::string("\x3a\x05""abc"), std::string("\x3b"), std::string("\x39\x01"),
                                  std::string(11, '\xff'), std::string("\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")}) {
    CHECK(says(refusal(data), "it is broken at byte"));
  }
}

TEST_CASE("a key written the long way hides nothing, and one that others would cut off is refused") {
  const std::string domain = varint(9) + "my.domain";
  CHECK(says(refusal(model(field(1, "\xba" + std::string(1, '\0') + domain))), "the domain 'my.domain'"));
  CHECK(says(refusal(model(field(1, "\xba\x80\x80\x80\x10" + domain))), "it is broken at byte"));
}

TEST_CASE("names of inputs and their axes are text") {
  const auto value = [](const std::string& name, const std::string& axis) {
    const std::string shape = field(1, field(2, axis));
    return field(1, name) + field(2, field(1, field(2, shape)));
  };
  for (const unsigned place : {11U, 12U}) {
    CHECK(refusal(model(field(place, value("\xc3\xa9", "batch")))).empty());
    CHECK(says(refusal(model(field(place, value("\xff", "batch")))), "a name that is no text"));
    CHECK(says(refusal(model(field(place, value("score", "\x80")))), "a name that is no text"));
  }
}
