#include "report.h"

#include <algorithm>
#include <ctime>
#include <fstream>

#ifndef _WIN32
#include <unistd.h>
#endif

#include "eeinfer/machine/cores.h"

namespace eeinfer::tools {
namespace {

std::string now_text() {
  const std::time_t now = std::time(nullptr);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S+00:00", std::gmtime(&now));
  return text;
}

Json described(const OpenEngine& engine) {
  const Manifest& manifest = engine.manifest();
  Json modules = Json::array(), inputs = Json::object();
  for (const Segment& segment : manifest.segments) modules.push_back(segment.module);
  for (const Input& input : manifest.inputs) {
    Json shape = Json::array();
    for (const Size& size : input.tensor.shape) std::visit([&](const auto& value) { shape.push_back(value); }, size);
    inputs[input.tensor.name] = shape;
  }
  return {{"name", manifest.name}, {"sha256", engine.bundle().fingerprint()}, {"score", manifest.score},
          {"modules", modules},    {"inputs", inputs},                        {"classes", engine.classes()}};
}

Json environment_of(const OpenEngine& engine, const Json& load) {
  const std::optional<int> threads = engine.backend().threads();
  return {{"device", "cpu"},
          {"cpu", cpu_name()},
          {"cores", physical_cores()},
          {"threads", threads ? Json(*threads) : Json(nullptr)},
          {"load", load},
          {"system", instruction_sets()},
          {"python", ""},
          {"versions", {{"eeinfer", eeinfer_version()}, {"onnxruntime", engine.backend().version()}}},
          {"plain", !engine.backend().optimised()},
          {"backend", "native"}};
}

}  // namespace

std::string cpu_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.rfind("model name", 0) == 0) return line.substr(std::min(line.find(": ") + 2, line.size()));
  return "";
}

Json load_average() {
  std::ifstream file("/proc/loadavg");
  double load = 0;
  return file >> load ? Json(load) : Json(nullptr);
}

std::int64_t resident_bytes() {
#ifdef _WIN32
  return 0;
#else
  std::ifstream file("/proc/self/statm");
  std::int64_t all = 0, resident = 0;
  return file >> all >> resident ? resident * sysconf(_SC_PAGESIZE) : 0;
#endif
}

Json report_of(const OpenEngine& engine, const Json& load) {
  return {{"schema_version", 1},
          {"created", now_text()},
          {"bundle", described(engine)},
          {"environment", environment_of(engine, load)}};
}

double median(std::vector<double> numbers) {
  const auto middle = numbers.begin() + static_cast<std::ptrdiff_t>(numbers.size() / 2);
  std::nth_element(numbers.begin(), middle, numbers.end());
  if (numbers.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(numbers.begin(), middle)) / 2;
}

}  // namespace eeinfer::tools
