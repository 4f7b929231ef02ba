// The arguments of a tool: one bundle, and options with a value each.
#ifndef EEINFER_TOOLS_ARGUMENTS_H
#define EEINFER_TOOLS_ARGUMENTS_H

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace eeinfer::tools {

class Arguments {
 public:
  // Throws ConfigError: an unknown option, one without its value, or another number of bundles than one.
  Arguments(int count, char** texts, const std::vector<std::string>& options);

  const std::string& bundle() const { return bundle_; }
  bool has(const std::string& option) const { return values_.count(option) == 1; }
  std::string text(const std::string& option, const std::string& otherwise) const;

  // Throws ConfigError: no number, 0 or more.
  double number(const std::string& option, double otherwise) const;

  // Throws ConfigError: no whole number, 1 or more.
  std::int64_t whole(const std::string& option, std::int64_t otherwise) const;

  // Throws ConfigError: neither on nor off.
  bool on(const std::string& option) const;

 private:
  std::string bundle_;
  std::map<std::string, std::string> values_;
};

// Run a tool: what it throws becomes one line on stderr and status 1; `--help` prints `usage`.
int run(int count, char** texts, const char* usage, const std::function<int()>& tool);

}  // namespace eeinfer::tools

#endif
