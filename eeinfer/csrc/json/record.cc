#include "json/record.h"

#include <algorithm>

#include "files/text.h"
#include "json/fault.h"

namespace eeinfer::json {
namespace {

constexpr const char* kKinds[] = {"null", "bool", "int", "float", "str", "array", "object"};  // in the order of Value

std::string at(const std::string& place) { return place == "$" ? "" : " - at `" + place + "`"; }

}  // namespace

void Node::refuse(const char* expected) const {
  const char* or_null = nullable_ ? " | null" : "";
  throw Mismatch("Expected `" + std::string(expected) + or_null + "`, got `" + kKinds[value_->content.index()] + "`" + at(place_));
}

template <class Kind>
const Kind& Node::as(const char* expected) const {
  const Kind* found = std::get_if<Kind>(&value_->content);
  if (found == nullptr) refuse(expected);
  return *found;
}

const std::string& Node::text() const { return as<std::string>("str"); }

std::int64_t Node::whole(const char* expected) const { return as<std::int64_t>(expected); }

double Node::number() const {
  const std::int64_t* whole = std::get_if<std::int64_t>(&value_->content);
  return whole != nullptr ? static_cast<double>(*whole) : as<double>("float");
}

bool Node::boolean() const { return as<bool>("bool"); }

const Value::Object& Node::object() const { return as<Value::Object>("object"); }

std::vector<Node> Node::list() const {
  std::vector<Node> nodes;
  for (const Value& value : as<Value::List>("array")) {
    nodes.emplace_back(value, place_ + "[" + std::to_string(nodes.size()) + "]");
  }
  return nodes;
}

std::vector<std::pair<std::string, Node>> Node::members() const {
  std::vector<std::pair<std::string, Node>> nodes;
  for (const Member& member : object()) nodes.emplace_back(member.name, Node(member.value, place_ + "[...]"));
  return nodes;
}

std::optional<Node> Node::field(const std::string& name) const {
  for (const Member& member : object()) {
    if (member.name == name) return Node(member.value, place_ + "." + name);
  }
  return std::nullopt;
}

Record::Record(const Node& node, std::initializer_list<const char*> known) : node_(node) {
  for (const Member& member : node.object()) {
    if (std::find(known.begin(), known.end(), member.name) != known.end()) continue;
    throw Mismatch("Object contains unknown field `" + printable(member.name) + "`" + at(node.place()));
  }
}

Node Record::needed(const char* name) const {
  const std::optional<Node> node = given(name);
  if (!node) throw Mismatch("Object missing required field `" + std::string(name) + "`" + at(node_.place()));
  return *node;
}

std::optional<Node> Record::given(const char* name) const { return node_.field(name); }

}  // namespace eeinfer::json
