#include "arguments.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <exception>

#include "eeinfer/error.h"

namespace eeinfer::tools {

Arguments::Arguments(int count, char** texts, const std::vector<std::string>& options) {
  for (int i = 1; i < count; ++i) {
    const std::string text = texts[i];
    if (text.rfind("--", 0) != 0) {
      if (!bundle_.empty()) throw ConfigError("there are two bundles, " + bundle_ + " and " + text + "; give one");
      bundle_ = text;
      continue;
    }
    if (std::find(options.begin(), options.end(), text) == options.end())
      throw ConfigError("there is no option " + text + "; see --help");
    if (++i == count) throw ConfigError(text + " has no value; see --help");
    values_[text] = texts[i];
  }
  if (bundle_.empty()) throw ConfigError("no bundle is named; give its folder, or see --help");
}

std::string Arguments::text(const std::string& option, const std::string& otherwise) const {
  const auto found = values_.find(option);
  return found == values_.end() ? otherwise : found->second;
}

double Arguments::number(const std::string& option, double otherwise) const {
  if (!has(option)) return otherwise;
  const std::string& text = values_.at(option);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !(value >= 0) || std::isinf(value))
    throw ConfigError(option + " is " + text + "; give a number, 0 or more");
  return value;
}

std::int64_t Arguments::whole(const std::string& option, std::int64_t otherwise) const {
  const double value = number(option, static_cast<double>(otherwise));
  if (value < 1 || value > 1e15 || value != std::floor(value))
    throw ConfigError(option + " is " + text(option, "") + "; give a whole number, 1 or more");
  return static_cast<std::int64_t>(value);
}

bool Arguments::on(const std::string& option) const {
  const std::string value = text(option, "on");
  if (value != "on" && value != "off") throw ConfigError(option + " is " + value + "; give on or off");
  return value == "on";
}

int run(int count, char** texts, const char* usage, const std::function<int()>& tool) {
  for (int i = 1; i < count; ++i)
    if (std::string(texts[i]) == "--help") return std::puts(usage) < 0 ? 1 : 0;
  try {
    return tool();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}

}  // namespace eeinfer::tools
