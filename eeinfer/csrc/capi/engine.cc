// eeinfer.h: opening, what is open, and whole calls.
#include <algorithm>
#include <cstring>

#include "capi/handles.h"
#include "engine/loading.h"

namespace eeinfer::capi {
namespace {

// Read a struct that grows at its end, as long as the caller knows it. Throws ConfigError: a later one with more set.
template <class T>
T read_struct(const T& given, const char* what) {
  T read{};
  const auto* bytes = reinterpret_cast<const unsigned char*>(&given);
  const std::size_t size = given.size;
  if (size < sizeof given.size) throw ConfigError(std::string(what) + ".size is " + std::to_string(size) + "; set it to sizeof");
  std::memcpy(&read, &given, std::min(size, sizeof read));
  if (size > sizeof read && std::any_of(bytes + sizeof read, bytes + size, [](unsigned char byte) { return byte != 0; }))
    throw ConfigError(std::string(what) + " has settings that this library, version " EEINFER_VERSION ", does not know");
  return read;
}

EngineOptions options_of(const eeinfer_options* given) {
  EngineOptions options;
  if (given == nullptr) return options;
  const eeinfer_options read = read_struct(*given, "eeinfer_options");
  options.verify = read.skip_verify == 0;
  options.use_form = read.skip_form == 0;
  if (read.n_taus < 0 || (read.n_taus > 0 && read.taus == nullptr)) throw InputError("taus is null where n_taus counts some");
  if (read.n_taus > 0) options.tau = std::vector<float>(read.taus, read.taus + read.n_taus);
  if (read.threads != nullptr) options.threads_mode = read.threads;
  if (read.onnxruntime != nullptr) options.onnxruntime = std::filesystem::u8path(read.onnxruntime);
  options.ort_api_base = read.ort_api_base;
  options.ort_env = read.ort_env;
  if (read.provider != nullptr) options.provider = read.provider;
  options.device_id = read.device_id;
  return options;
}

// Something of an engine; `otherwise` where the handle is none.
template <class T, class Find>
T found(const eeinfer_engine* engine, T otherwise, Find find) noexcept {
  if (engine == nullptr || engine->content == nullptr) return otherwise;
  return find(*engine->content->open);
}

const TensorSpec* input_of(const eeinfer_engine* engine, std::int32_t input) noexcept {
  return found<const TensorSpec*>(engine, nullptr, [&](const OpenEngine& open) -> const TensorSpec* {
    const std::vector<Input>& inputs = open.manifest().inputs;
    const bool known = input >= 0 && static_cast<std::size_t>(input) < inputs.size();
    return known ? &inputs[static_cast<std::size_t>(input)].tensor : nullptr;
  });
}

const Size* size_of(const eeinfer_engine* engine, std::int32_t input, std::int32_t axis) noexcept {
  const TensorSpec* spec = input_of(engine, input);
  const bool known = spec != nullptr && axis >= 1 && static_cast<std::size_t>(axis) <= spec->shape.size();
  return known ? &spec->shape[static_cast<std::size_t>(axis) - 1] : nullptr;
}

bool is_exit(const OpenEngine& open, std::int32_t exit) noexcept {
  return exit >= 0 && static_cast<std::size_t>(exit) < open.exits();
}

Arrays arrays_of(const eeinfer_result& result, std::size_t classes) {
  return {classes,      result.predictions, result.exits, result.scores,
          result.logits, result.flops,       result.valid, result.near_tau};
}

void run(eeinfer_engine* engine, const Views& views, const float* taus, double deadline_ms, eeinfer_result& result) {
  OpenEngine& open = *live(engine, "the engine").open;
  if (result.size < sizeof result)
    throw InputError("eeinfer_result.size is " + std::to_string(result.size) + "; set it to sizeof(eeinfer_result)");
  std::int64_t count = 0;
  const auto room = [&](std::int64_t rows) {
    if (rows > result.rows)
      throw InputError("the call has " + std::to_string(rows) + " rows and the result room for " +
                       std::to_string(result.rows) + "; give arrays with room for all, and say so in eeinfer_result.rows");
    count = rows;
    return arrays_of(result, open.classes());
  };
  const double ms = open.run(views.data(), views.size(), taus, taus == nullptr ? 0 : open.exits(), deadline_ms, room);
  result.rows = count;
  result.latency_ms = ms;
}

}  // namespace
}  // namespace eeinfer::capi

using namespace eeinfer;
using namespace eeinfer::capi;

eeinfer_status eeinfer_open(const char* path, const eeinfer_options* options, eeinfer_engine** out) {
  return guarded([&] {
    eeinfer_engine*& made = given(out, "out");
    auto content = std::make_unique<EngineContent>();
    content->open = load(std::filesystem::u8path(&given(path, "path")), options_of(options));
    for (const Input& input : content->open->manifest().inputs) content->dtypes.emplace_back(dtype_name(input.tensor.dtype));
    made = new eeinfer_engine(std::move(content));
  });
}

void eeinfer_close(eeinfer_engine* engine) { release(engine); }

eeinfer_status eeinfer_run(eeinfer_engine* engine, const eeinfer_tensor* inputs, int32_t n_inputs, const float* taus,
                           double deadline_ms, eeinfer_result* result) {
  return guarded([&] { run(engine, Views(inputs, n_inputs), taus, deadline_ms, given(result, "result")); });
}

const char* eeinfer_name(const eeinfer_engine* engine) {
  return found<const char*>(engine, nullptr, [](const OpenEngine& open) { return open.manifest().name.c_str(); });
}

int32_t eeinfer_exits(const eeinfer_engine* engine) {
  return found<int32_t>(engine, -1, [](const OpenEngine& open) { return static_cast<int32_t>(open.exits()); });
}

int32_t eeinfer_classes(const eeinfer_engine* engine) {
  return found<int32_t>(engine, -1, [](const OpenEngine& open) { return static_cast<int32_t>(open.classes()); });
}

int32_t eeinfer_inputs(const eeinfer_engine* engine) {
  return found<int32_t>(engine, -1, [](const OpenEngine& open) { return static_cast<int32_t>(open.manifest().inputs.size()); });
}

const char* eeinfer_class_name(const eeinfer_engine* engine, int32_t index) {
  return found<const char*>(engine, nullptr, [&](const OpenEngine& open) -> const char* {
    const bool known = index >= 0 && static_cast<std::size_t>(index) < open.classes();
    return known ? open.manifest().classes[static_cast<std::size_t>(index)].c_str() : nullptr;
  });
}

const char* eeinfer_input_name(const eeinfer_engine* engine, int32_t input) {
  const TensorSpec* spec = input_of(engine, input);
  return spec == nullptr ? nullptr : spec->name.c_str();
}

const char* eeinfer_input_dtype(const eeinfer_engine* engine, int32_t input) {
  return input_of(engine, input) == nullptr ? nullptr : engine->content->dtypes[static_cast<std::size_t>(input)].c_str();
}

int32_t eeinfer_input_rank(const eeinfer_engine* engine, int32_t input) {
  const TensorSpec* spec = input_of(engine, input);
  return spec == nullptr ? -1 : static_cast<int32_t>(spec->shape.size()) + 1;
}

int64_t eeinfer_input_size(const eeinfer_engine* engine, int32_t input, int32_t axis) {
  const Size* size = size_of(engine, input, axis);
  const auto* number = size == nullptr ? nullptr : std::get_if<std::int64_t>(size);
  return number == nullptr ? -1 : *number;
}

const char* eeinfer_input_axis(const eeinfer_engine* engine, int32_t input, int32_t axis) {
  const Size* size = size_of(engine, input, axis);
  const auto* name = size == nullptr ? nullptr : std::get_if<std::string>(size);
  return name == nullptr ? nullptr : name->c_str();
}

int64_t eeinfer_flops(const eeinfer_engine* engine, int32_t exit) {
  return found<int64_t>(engine, -1, [&](const OpenEngine& open) {
    return is_exit(open, exit) ? open.cost(static_cast<std::size_t>(exit)) : -1;
  });
}

float eeinfer_tau(const eeinfer_engine* engine, int32_t exit) {
  return found<float>(engine, -1, [&](const OpenEngine& open) {
    return is_exit(open, exit) ? open.taus()[static_cast<std::size_t>(exit)] : -1;
  });
}

int32_t eeinfer_optimised(const eeinfer_engine* engine) {
  return found<int32_t>(engine, -1, [](const OpenEngine& open) { return open.backend().optimised() ? 1 : 0; });
}

const char* eeinfer_form_problem(const eeinfer_engine* engine) {
  return found<const char*>(engine, nullptr, [](const OpenEngine& open) { return open.backend().form_problem().c_str(); });
}

int32_t eeinfer_threads(const eeinfer_engine* engine) {
  return found<int32_t>(engine, -1, [](const OpenEngine& open) { return open.backend().threads().value_or(0); });
}

const char* eeinfer_onnxruntime_version(const eeinfer_engine* engine) {
  return found<const char*>(engine, nullptr, [](const OpenEngine& open) { return open.backend().version().c_str(); });
}
