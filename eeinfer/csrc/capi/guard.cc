#include "capi/guard.h"

namespace eeinfer::capi {
namespace {

std::string& last_error() {
  thread_local std::string text;
  return text;
}

eeinfer_status status_of(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::bundle: return EEINFER_BUNDLE;
    case ErrorKind::replaced: return EEINFER_REPLACED;
    case ErrorKind::input: return EEINFER_INPUT;
    case ErrorKind::config: return EEINFER_CONFIG;
    case ErrorKind::dependency: return EEINFER_DEPENDENCY;
  }
  return EEINFER_INTERNAL;
}

}  // namespace

eeinfer_status failed(eeinfer_status status, const char* text) noexcept {
  try {
    last_error() = text;
  } catch (...) {  // no memory for the text: the status says what it is
    last_error().clear();
  }
  return status;
}

eeinfer_status failed(const Error& error) noexcept { return failed(status_of(error.kind()), error.what()); }

}  // namespace eeinfer::capi

const char* eeinfer_last_error(void) { return eeinfer::capi::last_error().c_str(); }
