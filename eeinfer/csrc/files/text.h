// Names that others chose, and how messages say them.
#ifndef EEINFER_FILES_TEXT_H
#define EEINFER_FILES_TEXT_H

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace eeinfer {

// Whether `bytes` are UTF-8, strictly: no surrogates, nothing written the long way.
bool is_utf8(std::string_view bytes) noexcept;

// `text` with every character that a terminal would obey, or that is no text, written as its escape.
std::string printable(std::string_view text);

// `text` in quotation marks, as Python's repr writes it.
std::string in_quotes(std::string_view text);

// The shortest digits that say this number and no other.
std::string number_text(double number);

// The texts with `between` between them.
std::string joined(const std::vector<std::string>& texts, std::string_view between = ", ");

// A path as UTF-8, for messages.
std::string text_of(const std::filesystem::path& path);

}  // namespace eeinfer

#endif
