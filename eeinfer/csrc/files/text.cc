#include "files/text.h"

#include <cstdint>
#include <iomanip>
#include <limits>
#include <locale>
#include <sstream>

namespace eeinfer {
namespace {

constexpr char kHex[] = "0123456789abcdef";

unsigned at(std::string_view bytes, std::size_t i) { return static_cast<unsigned char>(bytes[i]); }

// How many bytes the character at `i` has; 0 where it is none (table 3-7 of the Unicode standard).
std::size_t character(std::string_view bytes, std::size_t i) {
  const unsigned first = at(bytes, i);
  if (first < 0x80) return 1;
  const std::size_t size = first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3 : first >= 0xf0 && first < 0xf5 ? 4 : 0;
  if (size == 0 || i + size > bytes.size()) return 0;
  for (std::size_t more = 1; more < size; ++more) {
    if ((at(bytes, i + more) & 0xc0) != 0x80) return 0;
  }
  const unsigned second = at(bytes, i + 1);
  const bool odd = (first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
                   (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f);
  return odd ? 0 : size;
}

void escape(std::string& text, unsigned value) {
  text += "\\x";
  text += kHex[value >> 4];
  text += kHex[value & 15];
}

// Append the character at `i` and return where the next one begins.
std::size_t append(std::string& text, std::string_view bytes, std::size_t i) {
  const std::size_t size = character(bytes, i);
  const unsigned first = at(bytes, i);
  if (first == '\n' || first == '\r' || first == '\t') {
    text += first == '\n' ? "\\n" : first == '\r' ? "\\r" : "\\t";
  } else if (size == 0 || first < 0x20 || first == 0x7f) {
    escape(text, first);
  } else if (size == 2 && first == 0xc2 && at(bytes, i + 1) < 0xa0) {
    escape(text, at(bytes, i + 1));
  } else {
    text += bytes.substr(i, size);
  }
  return i + (size == 0 ? 1 : size);
}

}  // namespace

bool is_utf8(std::string_view bytes) noexcept {
  for (std::size_t i = 0; i < bytes.size();) {
    const std::size_t size = character(bytes, i);
    if (size == 0) return false;
    i += size;
  }
  return true;
}

std::string printable(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size();) i = append(plain, text, i);
  return plain;
}

std::string in_quotes(std::string_view text) {
  const bool both = text.find('\'') != std::string_view::npos && text.find('"') == std::string_view::npos;
  const char mark = both ? '"' : '\'';
  std::string plain(1, mark);
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] == mark || text[i] == '\\') plain += '\\';
    i = append(plain, text, i);
  }
  return plain + mark;
}

std::string number_text(double number) {
  for (int digits = 1;; ++digits) {
    std::ostringstream text;
    text.imbue(std::locale::classic());
    text << std::setprecision(digits) << number;
    double back = 0;
    std::istringstream again(text.str());
    again.imbue(std::locale::classic());
    if (digits == std::numeric_limits<double>::max_digits10 || (again >> back && back == number)) return text.str();
  }
}

std::string joined(const std::vector<std::string>& texts, std::string_view between) {
  std::string all;
  for (const std::string& text : texts) {
    if (&text != &texts.front()) all += between;
    all += text;
  }
  return all;
}

std::string text_of(const std::filesystem::path& path) { return path.u8string(); }

}  // namespace eeinfer
