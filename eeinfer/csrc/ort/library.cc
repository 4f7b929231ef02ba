#include "ort/library.h"

#include <algorithm>
#include <cstdlib>
#include <system_error>
#include <vector>

#include "eeinfer/error.h"

#ifdef _WIN32
#include <windows.h>
#else
#include <dlfcn.h>
#endif

namespace eeinfer::ort {
namespace {

namespace fs = std::filesystem;
using GetApiBase = const OrtApiBase* (*)();

constexpr char kVariable[] = "EEINFER_ONNXRUNTIME";
constexpr int kFoldersUp = 5;  // from our library to the folder of packages of a Python environment

#if defined(_WIN32)
constexpr const char* kSystemNames[] = {"onnxruntime.dll"};
constexpr char kPrefix[] = "onnxruntime.dll";
#elif defined(__APPLE__)
constexpr const char* kSystemNames[] = {"libonnxruntime.1.dylib", "libonnxruntime.dylib"};
constexpr char kPrefix[] = "libonnxruntime.";
#else
constexpr const char* kSystemNames[] = {"libonnxruntime.so.1", "libonnxruntime.so.1.21", "libonnxruntime.so"};
constexpr char kPrefix[] = "libonnxruntime.so";
#endif

#ifdef _WIN32
GetApiBase open(const fs::path& file, std::string& reason) {
  HMODULE library = LoadLibraryW(file.c_str());
  if (library == nullptr) {
    reason = std::system_category().message(static_cast<int>(GetLastError()));
    return nullptr;
  }
  auto found = reinterpret_cast<GetApiBase>(GetProcAddress(library, "OrtGetApiBase"));
  if (found == nullptr) reason = "it has no OrtGetApiBase";
  return found;
}

fs::path own_file() {
  HMODULE library = nullptr;
  wchar_t name[MAX_PATH] = L"";
  const DWORD flags = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT;
  if (GetModuleHandleExW(flags, reinterpret_cast<LPCWSTR>(&own_file), &library)) GetModuleFileNameW(library, name, MAX_PATH);
  return name;
}
#else
GetApiBase open(const fs::path& file, std::string& reason) {
  int flags = RTLD_NOW | RTLD_LOCAL;
#ifdef RTLD_NODELETE
  flags |= RTLD_NODELETE;
#endif
  void* library = dlopen(file.c_str(), flags);
  void* found = library == nullptr ? nullptr : dlsym(library, "OrtGetApiBase");
  if (found == nullptr) {
    const char* said = dlerror();
    reason = said == nullptr ? "it has no OrtGetApiBase" : said;
  }
  return reinterpret_cast<GetApiBase>(found);
}

fs::path own_file() {
  Dl_info found{};
  return dladdr(reinterpret_cast<void*>(&own_file), &found) != 0 && found.dli_fname != nullptr ? found.dli_fname : "";
}
#endif

// The libraries of that name in a folder, the newest release first; none where it is no folder.
std::vector<fs::path> in_folder(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code ignored;
  for (fs::directory_iterator at(folder, ignored), end; !ignored && at != end; at.increment(ignored))
    if (at->path().filename().u8string().rfind(kPrefix, 0) == 0) found.push_back(at->path());
  std::sort(found.rbegin(), found.rend());
  return found;
}

std::vector<fs::path> beside_us() {
  std::error_code ignored;
  const fs::path own = fs::canonical(own_file(), ignored);
  if (ignored || own.empty()) return {};
  fs::path folder = own.parent_path();
  std::vector<fs::path> found = in_folder(folder);
  for (int up = 0; up < kFoldersUp && found.empty() && folder.has_relative_path(); ++up, folder = folder.parent_path())
    found = in_folder(folder / "onnxruntime" / "capi");
  return found;
}

std::vector<fs::path> candidates(const fs::path& file) {
  if (!file.empty()) return {file};
  if (const char* named = std::getenv(kVariable); named != nullptr && *named != '\0') {
    const fs::path path = fs::u8path(named);
    std::error_code ignored;
    if (!fs::is_directory(path, ignored)) return {path};
    std::vector<fs::path> found = in_folder(path);
    return found.empty() ? std::vector<fs::path>{path / kSystemNames[0]} : found;
  }
  std::vector<fs::path> found = beside_us();
  found.insert(found.end(), std::begin(kSystemNames), std::end(kSystemNames));
  return found;
}

GetApiBase first_that_loads(const fs::path& file) {
  std::string tried;
  for (const fs::path& candidate : candidates(file)) {
    std::string reason;
    if (GetApiBase found = open(candidate, reason)) return found;
    tried += (tried.empty() ? "" : "; ") + candidate.u8string() + " (" + reason + ")";
  }
  throw DependencyError("ONNX Runtime cannot be loaded; tried: " + tried + "; name the library of version 1.21 or newer in " +
                        kVariable + ", as pip install onnxruntime brings it");
}

}  // namespace

Library load_library(const OrtApiBase* base, const fs::path& file) {
#ifdef EEINFER_LINK_ONNXRUNTIME
  if (base == nullptr && file.empty()) base = OrtGetApiBase();
#endif
  if (base == nullptr) base = first_that_loads(file)();
  Library library;
  library.base = base;
  library.version = base->GetVersionString();
  library.api = base->GetApi(kApiVersion);
  if (library.api == nullptr)
    throw DependencyError("ONNX Runtime is version " + library.version + ", too old: 1.21 or newer is needed; name another in " +
                          kVariable);
  return library;
}

}  // namespace eeinfer::ort
