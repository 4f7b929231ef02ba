// eeinfer-bench: what the loop costs beyond the runs of its segments, and beside networks that are cut at its exits.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>

#include "arguments.h"
#include "eeinfer/machine/cores.h"
#include "eeinfer/rule.h"
#include "engine/loading.h"

namespace {

constexpr char kUsage[] =
    "eeinfer-bench BUNDLE [--threads SETTING] [--pairs N] [--seconds S] [--networks FOLDER] [--form on|off]\n"
    "              [--onnxruntime FILE]\n\n"
    "Time one row leaving at each exit, in back-to-back pairs, the order within a pair alternating: against the same\n"
    "segments run with nothing between them, and, where FOLDER holds them, against the networks cut_00.onnx, cut_01.onnx,\n"
    "... that end at each exit. Prints JSON whose fields are those of `eeinfer bench --json`.";

using namespace eeinfer;
using Json = nlohmann::ordered_json;

struct Network {  // one session that does what the cascade does up to an exit
  ort::Session session;
  ort::BindingPtr binding;
  ort::ExitMemory exit;
};

// What a call is given: noise, the same each time; whole numbers are zeros, which every table of words has.
struct Given {
  std::vector<std::vector<std::byte>> memory;
  std::vector<View> views;

  explicit Given(const Manifest& manifest) {
    std::mt19937 draw(0);
    std::normal_distribution<float> normal;
    const Lengths lengths = shortest(manifest);
    for (const Input& input : manifest.inputs) {
      Sizes shape = input.tensor.sizes(lengths);
      shape.insert(shape.begin(), 1);
      const auto count = static_cast<std::size_t>(count_of(shape));
      memory.emplace_back(count * static_cast<std::size_t>(dtype_bytes(input.tensor.dtype)));
      if (input.tensor.dtype == Dtype::float32)
        std::generate_n(reinterpret_cast<float*>(memory.back().data()), count, [&] { return normal(draw); });
      views.emplace_back(input.tensor.dtype, memory.back().data(), shape.data(), static_cast<int>(shape.size()),
                         input.tensor.name);
    }
  }

  static Lengths shortest(const Manifest& manifest) {
    Lengths lengths;
    for (const auto& [name, axis] : manifest.axes) lengths[name] = axis.min;
    return lengths;
  }
};

double milliseconds(const std::function<void()>& call) {
  const double began = now_s();
  call();
  return (now_s() - began) * 1e3;
}

double median(std::vector<double> numbers) {
  const auto middle = numbers.begin() + static_cast<std::ptrdiff_t>(numbers.size() / 2);
  std::nth_element(numbers.begin(), middle, numbers.end());
  if (numbers.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(numbers.begin(), middle)) / 2;
}

// One record as `Overhead` of the Python bench: the cascade against one session, or the runs, that do the same work.
Json timed(const std::string& name, std::size_t exit, const std::function<void()>& cascade,
           const std::function<void()>& reference, double pairs, double seconds) {
  for (int i = 0; i < 20; ++i) cascade(), reference();
  std::vector<double> ours, theirs, ratios;
  const double began = now_s();
  while (static_cast<double>(ratios.size()) < pairs && (ratios.size() < 10 || now_s() - began < seconds)) {
    const bool first = ratios.size() % 2 == 0;
    if (!first) theirs.push_back(milliseconds(reference));
    ours.push_back(milliseconds(cascade));
    if (first) theirs.push_back(milliseconds(reference));
    ratios.push_back(ours.back() / theirs.back());
  }
  return {{"name", name},
          {"exit", exit},
          {"cascade_ms", median(ours)},
          {"session_ms", median(theirs)},
          {"ratio", median(ratios)},
          {"pairs", ratios.size()}};
}

Network open_network(const ort::Environment& environment, const std::filesystem::path& file, int threads,
                     const Given& given, const Manifest& manifest) {
  const OrtApi& api = environment.api();
  ort::Session session(environment, file, {threads, ThreadsMode::parked, false});
  auto binding = ort::make<ort::BindingPtr>(api, api.CreateIoBinding, session.get());
  Network network{std::move(session), std::move(binding),
                  ort::ExitMemory(static_cast<std::int64_t>(manifest.classes.size()), 1)};
  std::size_t inputs = 0, outputs = 0;
  ort::check(api, api.SessionGetInputCount(network.session.get(), &inputs));
  ort::check(api, api.SessionGetOutputCount(network.session.get(), &outputs));
  OrtAllocator* allocator = nullptr;
  ort::check(api, api.GetAllocatorWithDefaultOptions(&allocator));
  for (std::size_t i = 0; i < inputs; ++i) {
    char* name = nullptr;
    ort::check(api, api.SessionGetInputName(network.session.get(), i, allocator, &name));
    for (std::size_t at = 0; at < manifest.inputs.size(); ++at) {
      const View& view = given.views[at];
      if (manifest.inputs[at].tensor.name != name) continue;
      const ort::Place place{const_cast<std::byte*>(given.memory[at].data()), view.dtype,
                             Sizes(view.shape.begin() + 1, view.shape.begin() + view.rank), 0};
      ort::bind_input(api, network.binding.get(), name, place, 1);
    }
    ort::check(api, api.AllocatorFree(allocator, name));
  }
  const std::vector<ort::Place> places = network.exit.places();
  for (std::size_t i = 0; i < outputs; ++i) {  // logits_00, score_00, prediction_00
    char* name = nullptr;
    ort::check(api, api.SessionGetOutputName(network.session.get(), i, allocator, &name));
    const std::string kind = std::string(name).substr(0, std::string(name).find('_'));
    const auto at = static_cast<std::size_t>(std::find(std::begin(kExitOutputs), std::end(kExitOutputs), kind) -
                                             std::begin(kExitOutputs));
    if (at == places.size()) throw BundleError(file.u8string() + " answers with " + name + "; give a network cut at an exit");
    const ort::ValuePtr value = ort::wrap(api, places[at].dtype, places[at].shape, 1, places[at].data);
    ort::check(api, api.BindOutput(network.binding.get(), name, value.get()));
    ort::check(api, api.AllocatorFree(allocator, name));
  }
  return network;
}

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

Json environment_of(const OpenEngine& engine) {
  const std::optional<int> threads = engine.backend().threads();
  return {{"device", "cpu"},
          {"cpu", cpu_name()},
          {"cores", physical_cores()},
          {"threads", threads ? Json(*threads) : Json(nullptr)},
          {"load", load_average()},
          {"system", instruction_sets()},
          {"python", ""},
          {"versions", {{"eeinfer", eeinfer_version()}, {"onnxruntime", engine.backend().version()}}},
          {"plain", !engine.backend().optimised()}};
}

int bench(const tools::Arguments& arguments) {
  const double pairs = arguments.number("--pairs", 1000), seconds = arguments.number("--seconds", 5);
  EngineOptions options;
  options.threads_mode = arguments.text("--threads", "");
  options.use_form = arguments.text("--form", "on") != "off";
  options.onnxruntime = std::filesystem::u8path(arguments.text("--onnxruntime", ""));
  const Json load = load_average();
  const std::unique_ptr<OpenEngine> engine = eeinfer::load(std::filesystem::u8path(arguments.bundle()), options);
  const Given given(engine->manifest());
  const ort::Environment environment(ort::load_library(nullptr, options.onnxruntime), nullptr, std::nullopt, true);
  const std::unique_ptr<ort::Lane> lane = engine->new_lane();
  Prepared prepared;
  prepared.prepare(given.views.data(), given.views.size(), engine->manifest());
  lane->load(prepared.inputs());
  Result result;
  const auto room = [&](std::int64_t rows) { return room_in(result, static_cast<std::size_t>(rows), engine->classes()); };
  Json overheads = Json::array();
  for (std::size_t k = 0; k < engine->exits(); ++k) {
    std::vector<float> taus(engine->exits(), 1.0f);
    taus[k] = 0;
    const auto cascade = [&] {
      engine->run(given.views.data(), given.views.size(), taus.data(), taus.size(), kNoDeadline, room);
    };
    const auto runs = [&] {
      for (std::size_t i = 0; i <= k; ++i) lane->run(i);
    };
    const std::string name = "leaving at exit " + std::to_string(k) + ", against ";
    overheads.push_back(timed(name + "the runs of its segments", k, cascade, runs, pairs, seconds));
    if (result.exits[0] != static_cast<std::int64_t>(k)) throw BundleError("the row left elsewhere: its score is 0 or NaN");
    const std::string file = "cut_" + std::string(k < 10 ? "0" : "") + std::to_string(k) + ".onnx";
    const std::filesystem::path path = std::filesystem::u8path(arguments.text("--networks", "")) / file;
    if (!arguments.has("--networks") || !std::filesystem::exists(path)) continue;
    const int threads = engine->backend().threads().value_or(physical_cores());
    const Network network = open_network(environment, path, threads, given, engine->manifest());
    const auto session = [&] {
      ort::check(environment.api(), environment.api().RunWithBinding(network.session.get(), nullptr, network.binding.get()));
    };
    overheads.push_back(timed(name + "cut at exit " + std::to_string(k), k, cascade, session, pairs, seconds));
  }
  Json report = {{"schema_version", 1},
                 {"created", now_text()},
                 {"bundle", described(*engine)},
                 {"environment", environment_of(*engine)},
                 {"overheads", overheads}};
  report["environment"]["load"] = load;
  std::printf("%s\n", report.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
  return 0;
}

}  // namespace

int main(int count, char** texts) {
  return tools::run(count, texts, kUsage, [&] {
    return bench({count, texts, {"--threads", "--pairs", "--seconds", "--networks", "--form", "--onnxruntime"}});
  });
}
