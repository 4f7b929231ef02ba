#include "files/files.h"

#include <algorithm>
#include <memory>

#ifdef _WIN32
#include <fstream>
#else
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#endif

namespace eeinfer {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPieceBytes = std::size_t{1} << 18;  // stays in the processor's cache while it is hashed

#ifdef _WIN32

class Reading {
 public:
  explicit Reading(const fs::path& path) {
    std::error_code error;
    if (!fs::is_regular_file(path, error)) throw Unreadable("it is no file", !fs::exists(path, error));
    stream_.open(path, std::ios::binary);
    if (!stream_) throw Unreadable("it cannot be opened", false);
    size_ = static_cast<std::size_t>(fs::file_size(path, error));
  }

  std::size_t size() const { return size_; }

  std::size_t read(char* into, std::size_t most) {
    stream_.read(into, static_cast<std::streamsize>(most));
    if (stream_.bad()) throw Unreadable("reading it fails", false);
    return static_cast<std::size_t>(stream_.gcount());
  }

 private:
  std::ifstream stream_;
  std::size_t size_ = 0;
};

#else

[[noreturn]] void fail() {
  throw Unreadable(std::generic_category().message(errno), errno == ENOENT || errno == ENOTDIR);
}

class Reading {
 public:
  explicit Reading(const fs::path& path) {
    do {  // a pipe without a writer is opened at once, and then refused
      file_ = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    } while (file_ < 0 && errno == EINTR);
    if (file_ < 0) fail();
    struct stat found;
    if (::fstat(file_, &found) == 0 && S_ISREG(found.st_mode)) {
      size_ = static_cast<std::size_t>(found.st_size);
      return;
    }
    ::close(file_);
    throw Unreadable("it is no file", false);
  }
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;
  ~Reading() { ::close(file_); }

  std::size_t size() const { return size_; }  // when it was opened

  std::size_t read(char* into, std::size_t most) {
    for (;;) {
      const ::ssize_t size = ::read(file_, into, most);
      if (size >= 0) return static_cast<std::size_t>(size);
      if (errno != EINTR) fail();
    }
  }

 private:
  int file_ = -1;
  std::size_t size_ = 0;
};

#endif

// Room for what may be left of a file behind `before` bytes, and one more byte, which is how its end is found.
std::size_t room(const Reading& file, std::size_t before) {
  return file.size() < before ? kPieceBytes : std::min(file.size() - before + 1, kPieceBytes);
}

}  // namespace

std::string read_small(const fs::path& path, std::size_t most_bytes) {
  Reading file(path);
  std::string content;
  for (;;) {
    const std::size_t before = content.size();
    content.resize(before + std::min(room(file, before), most_bytes + 1 - before));
    const std::size_t size = file.read(content.data() + before, content.size() - before);
    content.resize(before + size);
    if (content.size() > most_bytes) throw Unreadable("it has more than " + std::to_string(most_bytes) + " bytes", false);
    if (size == 0) return content;
  }
}

void read_pieces(const fs::path& path, const std::function<void(const char*, std::size_t)>& show) {
  Reading file(path);
  const std::size_t most = room(file, 0);
  const std::unique_ptr<char[]> piece(new char[most]);
  while (const std::size_t size = file.read(piece.get(), most)) show(piece.get(), size);
}

std::optional<std::int64_t> plain_size(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error) || error) return std::nullopt;
  const std::uintmax_t size = fs::file_size(path, error);
  if (error) return std::nullopt;
  return static_cast<std::int64_t>(size);
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    names.push_back(at->path().filename().u8string());
  }
  return names;
}

}  // namespace eeinfer
