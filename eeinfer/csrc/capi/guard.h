// What stands between C and C++: no exception leaves, and a handle is looked at before it is used.
#ifndef EEINFER_CAPI_GUARD_H
#define EEINFER_CAPI_GUARD_H

#include <memory>
#include <new>
#include <string>

#include "eeinfer/eeinfer.h"
#include "eeinfer/error.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EEINFER_ASAN
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define EEINFER_ASAN
#endif

namespace eeinfer::capi {

// Keep the text for eeinfer_last_error of this thread, and return the status.
eeinfer_status failed(eeinfer_status status, const char* text) noexcept;
eeinfer_status failed(const Error& error) noexcept;

// Do the work; what it throws becomes a status.
template <class Work>
eeinfer_status guarded(Work work) noexcept {
  try {
    work();
    return EEINFER_OK;
  } catch (const Error& error) {
    return failed(error);
  } catch (const std::bad_alloc&) {
    return failed(EEINFER_INTERNAL, "there is not enough memory; give fewer rows");
  } catch (const std::exception& error) {
    return failed(EEINFER_INTERNAL, error.what());
  } catch (...) {
    return failed(EEINFER_INTERNAL, "something failed that says nothing");
  }
}

// Refuse a null pointer.
template <class T>
T& given(T* pointer, const char* what) {
  if (pointer == nullptr) throw InputError(std::string(what) + " is null; give the address of one");
  return *pointer;
}

// What a handle points to. In debug builds its shell stays where it was when the content is freed, so that using it again
// is noticed; where AddressSanitizer watches, that notices it.
template <class Content>
struct Handle {
  static constexpr std::uint32_t kLive = 0xEE1FE11E, kFreed = 0xDEADEE00;

  std::uint32_t magic = kLive;
  std::unique_ptr<Content> content;

  explicit Handle(std::unique_ptr<Content> made) : content(std::move(made)) {}
};

template <class T>
auto& live(T* handle, const char* what) {
  given(handle, what);
#ifndef NDEBUG
  if (handle->magic != T::kLive) throw InputError(std::string(what) + " was freed or is none; give one that is in use");
#endif
  return *handle->content;
}

template <class T>
void release(T* handle) noexcept {
  if (handle == nullptr) return;
#if !defined(NDEBUG) && !defined(EEINFER_ASAN)
  if (handle->magic != T::kLive) return;
  handle->magic = T::kFreed;
  handle->content.reset();
#else
  delete handle;
#endif
}

}  // namespace eeinfer::capi

#endif
