// What can go wrong, by subject. Every message names the thing, the value, what is allowed and the next command.
#ifndef EEINFER_ERROR_H
#define EEINFER_ERROR_H

#include <stdexcept>
#include <string>

namespace eeinfer {

enum class ErrorKind { bundle, replaced, input, config, dependency };

// Base of every error that the library raises on purpose.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& text) : std::runtime_error(text), kind_(kind) {}
  ErrorKind kind() const noexcept { return kind_; }

 private:
  ErrorKind kind_;
};

// A bundle is missing, altered, from a newer format, or does not chain.
class BundleError : public Error {
 public:
  explicit BundleError(const std::string& text) : BundleError(ErrorKind::bundle, text) {}

 protected:
  BundleError(ErrorKind kind, const std::string& text) : Error(kind, text) {}
};

// A bundle was replaced or altered while it was read; the one that is there now can be opened.
class ReplacedError : public BundleError {
 public:
  explicit ReplacedError(const std::string& text) : BundleError(ErrorKind::replaced, text) {}
};

// Tensors, thresholds or options of a call are not what the bundle takes.
class InputError : public Error {
 public:
  explicit InputError(const std::string& text) : Error(ErrorKind::input, text) {}
};

// A setting is unknown or out of range.
class ConfigError : public Error {
 public:
  explicit ConfigError(const std::string& text) : Error(ErrorKind::config, text) {}
};

// Something that has to be installed is missing or too old.
class DependencyError : public Error {
 public:
  explicit DependencyError(const std::string& text) : Error(ErrorKind::dependency, text) {}
};

}  // namespace eeinfer

#endif
