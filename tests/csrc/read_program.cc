// Reads what Python hands it and says what came of it, one line for each: tests compare that with Python's own reader.
//
//   eeinfer_read bundle    a folder per line: it is opened with its hashes
//   eeinfer_read manifest  a file per line, of which only the manifest is parsed
//   eeinfer_read graph     a file per line: the data that it reads elsewhere
//   eeinfer_read form      a folder and a version of ONNX Runtime per line, with a tab between: where its form lies
//   eeinfer_read profile   likewise: the settings of threads that were tuned
//   eeinfer_read costs     a table and questions, as tests/native/test_row_costs.py writes them; order: rows
//   eeinfer_read machine   the cores and the instruction sets
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <sstream>

#include "eeinfer/bundle.h"
#include "eeinfer/error.h"
#include "eeinfer/form.h"
#include "eeinfer/graph_walk.h"
#include "eeinfer/layout.h"
#include "eeinfer/machine/cores.h"
#include "eeinfer/machine/profile.h"
#include "eeinfer/machine/row_costs.h"

namespace {

using namespace eeinfer;

std::string content_of(const std::string& path) {
  std::ifstream file(std::filesystem::u8path(path), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string read_bundle(const std::string& path) {
  const Bundle bundle = Bundle::open(std::filesystem::u8path(path));
  std::string text = bundle.fingerprint();
  for (const std::int64_t bytes : bytes_in_front(bundle.manifest())) text += " " + std::to_string(bytes);
  for (const auto& specs : alive(bundle.manifest())) {
    text += " |";
    for (const TensorSpec& spec : specs) text += " " + spec.name;
  }
  return text;
}

std::string read_manifest(const std::string& path) {
  const Manifest manifest = parse_manifest(content_of(path), path);
  return std::to_string(manifest.format_version) + " " + std::to_string(manifest.segments.size());
}

std::string read_graph(const std::string& path) {
  std::string text;
  for (const Reference& reference : references(content_of(path), path)) {
    text += reference.location + ":" + std::to_string(reference.offset) + ":" +
            (reference.length ? std::to_string(*reference.length) : "?") + " ";
  }
  return text;
}

std::string place_of_form(const std::string& line) {
  const std::size_t tab = line.find('\t');
  const Bundle bundle = Bundle::open(std::filesystem::u8path(line.substr(0, tab)));
  const auto form = find_form(bundle, line.substr(tab + 1));
  if (!form) return "none";
  form->check_unchanged();
  return form->path().u8string();
}

std::string tuned_threads(const std::string& line) {
  const std::size_t tab = line.find('\t');
  const Bundle bundle = Bundle::open(std::filesystem::u8path(line.substr(0, tab)));
  const auto profile = find_profile(bundle, line.substr(tab + 1));
  return profile ? profile->threads + " " + profile->process : "none";
}

std::string machine(const std::string&) { return std::to_string(physical_cores()) + " " + instruction_sets(); }

// Numbers are hexadecimal, so that not one bit is lost on the way.
double number(std::istringstream& text) {
  std::string digits;
  text >> digits;
  return std::strtod(digits.c_str(), nullptr);
}

template <class Value>
std::vector<Value> row(std::istringstream& text, std::size_t count) {
  std::vector<Value> values(count);
  for (Value& value : values) value = static_cast<Value>(number(text));
  return values;
}

RowCosts read_costs(std::istringstream& text) {
  std::size_t sizes = 0, segments = 0;
  text >> sizes >> segments;
  RowCosts costs;
  costs.sizes = row<std::int64_t>(text, sizes);
  for (std::size_t k = 0; k < segments; ++k) costs.segment_ms.push_back(row<double>(text, sizes));
  costs.alive_bytes = row<std::int64_t>(text, segments);
  costs.move_ms = number(text);
  costs.bytes_per_ms = number(text);
  return costs;
}

// measured|estimated TABLE SEGMENT ROWS STAYS -> what Python's float.hex says of the two times, and the decision
std::string judge_costs(const std::string& line) {
  std::istringstream text(line);
  std::string kind;
  text >> kind;
  RowCosts costs;
  if (kind == "estimated") {
    std::size_t segments = 0;
    std::int64_t threads = 0;
    text >> segments >> threads;
    const auto flops = row<std::int64_t>(text, segments);
    costs = RowCosts::estimated(flops, row<std::int64_t>(text, segments), threads);
  } else {
    costs = read_costs(text);
  }
  std::size_t segment = 0;
  std::int64_t rows = 0, stays = 0;
  text >> segment >> rows >> stays;
  char said[128];
  std::snprintf(said, sizeof said, "%a %a %d", costs.ms(segment, rows), costs.ms(segment, stays),
                costs.worth_compacting(segment, rows, stays) ? 1 : 0);
  return said;
}

// STAYS ROW ROW ... -> the order in which they go on
std::string order_rows(const std::string& line) {
  std::istringstream text(line);
  std::size_t stays = 0;
  text >> stays;
  const std::vector<std::int64_t> rows{std::istream_iterator<std::int64_t>(text), {}};
  std::string order;
  for (const std::int64_t i : compacted(rows, stays)) order += std::to_string(i) + " ";
  return order;
}

const char* kind_of(const Error& error) {
  constexpr const char* kKinds[] = {"BundleError", "ReplacedError", "InputError", "ConfigError", "DependencyError"};
  return kKinds[static_cast<std::size_t>(error.kind())];
}

std::string answer(const std::function<std::string(const std::string&)>& read, const std::string& line) {
  try {
    return "ok " + read(line);
  } catch (const Error& error) {
    return std::string(kind_of(error)) + " " + error.what();
  } catch (const std::exception& error) {  // a fault of the reader
    return std::string("exception ") + error.what();
  }
}

}  // namespace

int main(int count, char** arguments) {
  const std::pair<const char*, std::function<std::string(const std::string&)>> modes[] = {
      {"bundle", read_bundle}, {"manifest", read_manifest}, {"graph", read_graph}, {"form", place_of_form},
      {"profile", tuned_threads}, {"costs", judge_costs}, {"order", order_rows}, {"machine", machine},
  };
  const std::string wanted = count > 1 ? arguments[1] : "";
  for (const auto& [name, read] : modes) {
    if (wanted != name) continue;
    for (std::string line; std::getline(std::cin, line);) std::cout << answer(read, line) << std::endl;
    return 0;
  }
  std::cerr << "give one of bundle, manifest, graph, form, profile, costs, order, machine\n";
  return 2;
}
