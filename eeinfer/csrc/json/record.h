// Reading records as strictly as Python does: an unknown field is refused, a missing one, and a value of a wrong type.
#ifndef EEINFER_JSON_RECORD_H
#define EEINFER_JSON_RECORD_H

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "json/value.h"

namespace eeinfer::json {

// A value and its place, such as $.segments[0].flops. All that read it throw Mismatch.
class Node {
 public:
  Node(const Value& value, std::string place) : value_(&value), place_(std::move(place)) {}

  bool is_null() const { return std::holds_alternative<std::monostate>(value_->content); }
  bool is_text() const { return std::holds_alternative<std::string>(value_->content); }
  const std::string& text() const;
  std::int64_t whole(const char* expected = "int") const;
  double number() const;
  bool boolean() const;
  const Value::Object& object() const;
  std::vector<Node> list() const;
  std::vector<std::pair<std::string, Node>> members() const;
  std::optional<Node> field(const std::string& name) const;  // of an object; nothing where it has none
  const std::string& place() const { return place_; }

  // Read every value of a list into a vector.
  template <class Read>
  auto each(Read read) const {
    std::vector<decltype(read(*this))> found;
    for (const Node& node : list()) found.push_back(read(node));
    return found;
  }

  // Read a value that may be null.
  template <class Read>
  auto unless_null(Read read) const -> std::optional<decltype(read(*this))> {
    if (is_null()) return std::nullopt;
    Node node = *this;
    node.nullable_ = true;
    return read(node);
  }

 private:
  template <class Kind>
  const Kind& as(const char* expected) const;
  [[noreturn]] void refuse(const char* expected) const;

  const Value* value_;
  std::string place_;
  bool nullable_ = false;  // null would do too: errors say so
};

// One object whose fields are found by name. All that read it throw Mismatch.
class Record {
 public:
  // known: the names that its fields may have.
  Record(const Node& node, std::initializer_list<const char*> known);

  Node needed(const char* name) const;
  std::optional<Node> given(const char* name) const;  // nothing where it is missing

 private:
  Node node_;
};

}  // namespace eeinfer::json

#endif
