// JSON as the bundle's records use it: strict, in the order of the file.
#ifndef EEINFER_JSON_VALUE_H
#define EEINFER_JSON_VALUE_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace eeinfer::json {

struct Member;

struct Value {
  using List = std::vector<Value>;
  using Object = std::vector<Member>;

  // A whole number above the largest int64 is that one: no field of a record may be as large, and no file is.
  std::variant<std::monostate, bool, std::int64_t, double, std::string, List, Object> content;
};

struct Member {
  std::string name;
  Value value;
};

struct Parsed {
  Value root;
  std::optional<std::string> fault;  // that is JSON, but not for us: a name given twice, a number that is too large
};

constexpr int kDeepest = 100;  // objects and lists inside one another

// Read one JSON text, UTF-8 without a mark in front. Throws Fault: it is none.
Parsed parse(std::string_view bytes);

}  // namespace eeinfer::json

#endif
