#include "golden/golden.h"

#include <algorithm>

#include "eeinfer/error.h"

namespace eeinfer {
namespace {

constexpr std::int64_t kFormat = 1;
constexpr char kSuffix[] = ".golden.npz";

[[noreturn]] void damaged(const std::filesystem::path& file, const std::string& what) {
  throw InputError(file.u8string() + " is no golden file: " + what + "; record it again with: eeinfer export BUNDLE --golden");
}

std::string numbered(const char* name, std::size_t number) {
  return std::string(name) + (number < 10 ? "_0" : "_") + std::to_string(number);
}

// The arrays of a file, each asked for as what it has to be.
class Entries {
 public:
  explicit Entries(const std::filesystem::path& file) : file_(file), arrays_(read_npz(file)) {}

  const Array& get(const std::string& name) const {
    const auto found = arrays_.find(name);
    if (found == arrays_.end()) damaged(file_, "it has no entry '" + name + "'");
    return found->second;
  }

  const Array& get(const std::string& name, Dtype dtype, const Sizes& shape) const {
    const Array& array = get(name);
    if (array.dtype != dtype || array.shape != shape) damaged(file_, name + " has another dtype or shape");
    return array;
  }

  const std::filesystem::path& file() const { return file_; }

 private:
  std::filesystem::path file_;
  NamedArrays arrays_;
};

std::string hexadecimal(const Array& array) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const std::byte byte : array.data) {
    text += kDigits[std::to_integer<unsigned>(byte) / 16];
    text += kDigits[std::to_integer<unsigned>(byte) % 16];
  }
  return text;
}

void check_origin(const Entries& entries, const std::string& fingerprint) {
  const std::string file = entries.file().u8string();
  const std::int64_t format = *entries.get("format", Dtype::int64, {}).as<std::int64_t>();
  if (format != kFormat)
    throw InputError(file + " has the format " + std::to_string(format) + ", this eeinfer reads " + std::to_string(kFormat) +
                     "; update it");
  if (hexadecimal(entries.get("fingerprint", Dtype::uint8, {32})) != fingerprint)
    throw InputError(file + " was recorded from another bundle; record it again with: eeinfer export BUNDLE --golden");
}

// Put the answers of exit k of every row to where AllExits has them.
template <class T>
void place(std::vector<T>& all, const Array& of_exit, std::size_t k, std::size_t exits, std::size_t width) {
  const std::size_t rows = of_exit.data.size() / sizeof(T) / width;
  all.resize(rows * exits * width);
  for (std::size_t row = 0; row < rows; ++row)
    std::copy_n(of_exit.as<T>() + row * width, width, all.begin() + static_cast<std::ptrdiff_t>((row * exits + k) * width));
}

}  // namespace

std::filesystem::path golden_path(const std::filesystem::path& bundle) {
  std::filesystem::path whole = std::filesystem::absolute(bundle).lexically_normal();
  if (!whole.has_filename()) whole = whole.parent_path();
  std::string name = whole.filename().u8string();
  if (name.size() > 4 && name.substr(name.size() - 4) == ".eeb") name.resize(name.size() - 4);
  return whole.parent_path() / std::filesystem::u8path(name + kSuffix);
}

Golden read_golden(const std::filesystem::path& file, const Manifest& manifest, const std::string& fingerprint) {
  const Entries entries(file);
  check_origin(entries, fingerprint);
  const std::size_t exits = manifest.segments.size(), classes = manifest.classes.size();
  Golden golden;
  const Array &made_with = entries.get("made_with"), &left = entries.get("exits"),
              &taus = entries.get("taus", Dtype::float32, {static_cast<std::int64_t>(exits)});
  golden.made_with.assign(made_with.as<char>(), made_with.data.size());
  if (left.dtype != Dtype::int64 || left.shape.size() != 1 || left.count() == 0) damaged(file, "exits is no list of numbers");
  golden.rows = left.count();
  golden.exits.assign(left.as<std::int64_t>(), left.as<std::int64_t>() + golden.rows);
  golden.taus.assign(taus.as<float>(), taus.as<float>() + exits);
  for (std::size_t k = 0; k < exits; ++k) {
    const auto width = static_cast<std::int64_t>(classes);
    place(golden.answers.scores, entries.get(numbered("score", k), Dtype::float32, {golden.rows}), k, exits, 1);
    place(golden.answers.predictions, entries.get(numbered("prediction", k), Dtype::int64, {golden.rows}), k, exits, 1);
    place(golden.answers.logits, entries.get(numbered("logits", k), Dtype::float32, {golden.rows, width}), k, exits, classes);
  }
  for (std::size_t i = 0; i < manifest.inputs.size(); ++i) {
    golden.inputs.push_back(entries.get(numbered("input", i)));
    const Sizes& shape = golden.inputs.back().shape;
    if (shape.empty() || shape[0] != golden.rows) damaged(file, "its inputs have another number of rows than its answers");
  }
  return golden;
}

}  // namespace eeinfer
