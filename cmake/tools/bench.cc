// eeinfer-bench: what the loop costs, beside networks that are cut at its exits, and with many callers.
#include <algorithm>
#include <cstdio>

#include "arguments.h"
#include "callers.h"
#include "eeinfer/error.h"
#include "eeinfer/machine/cores.h"
#include "eeinfer/machine/threads.h"
#include "engine/loading.h"
#include "overheads.h"

namespace {

constexpr char kUsage[] =
    "eeinfer-bench BUNDLE [--threads SETTING] [--form on|off] [--onnxruntime FILE]\n"
    "              [--networks FOLDER] [--pairs N] [--seconds S]\n"
    "              [--callers N,N,... [--rounds N] [--seconds S] | --calls N [--callers N]] [--tau T]\n\n"
    "Time one row leaving at each exit, in back-to-back pairs, the order within a pair alternating: against the same\n"
    "segments run with nothing between them, and, where FOLDER holds them, against the networks cut_00.onnx, cut_01.onnx,\n"
    "... that end at each exit, as `python -m eeinfer.bench.loops BUNDLE --networks FOLDER` writes them.\n"
    "With --callers so many threads call one engine, whose images go to the end unless --tau says otherwise; with --calls\n"
    "so often, and the memory in use is shown. Prints JSON whose fields are those of `eeinfer bench --json`.";

using namespace eeinfer;
using tools::Json;

std::vector<int> counts_of(const std::string& text) {
  std::vector<int> counts;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    int count = 0;
    for (const char digit : text.substr(at, comma - at))
      count = count < 0 || count > 99 || digit < '0' || digit > '9' ? -1 : 10 * count + digit - '0';
    if (count < 1) throw ConfigError("--callers is " + text + "; give numbers of threads such as 1,2,4,8");
    counts.push_back(count);
    at = comma + 1;
  }
  return counts;
}

float tau_of(const tools::Arguments& arguments, float otherwise) {
  const double tau = arguments.number("--tau", otherwise);
  if (tau > 1) throw ConfigError("--tau is " + arguments.text("--tau", "") + "; give a number from 0 to 1");
  return static_cast<float>(tau);
}

void add_measured(Json& report, OpenEngine& engine, const ort::Library& library, const tools::Arguments& arguments) {
  tools::Callers callers;
  callers.tau = tau_of(arguments, callers.tau);
  callers.rounds = static_cast<double>(arguments.whole("--rounds", static_cast<std::int64_t>(callers.rounds)));
  callers.seconds = arguments.number("--seconds", callers.seconds);
  if (arguments.has("--callers")) callers.counts = counts_of(arguments.text("--callers", ""));
  if (arguments.has("--calls")) {
    const int threads = arguments.has("--callers") ? callers.counts[0] : 1;
    report["growth"] = tools::measure_growth(engine, arguments.whole("--calls", 1), threads, callers.tau);
  } else if (arguments.has("--callers")) {
    report["rows"] = tools::measure_callers(engine, callers);
  } else {
    tools::Effort effort;
    effort.pairs = static_cast<double>(arguments.whole("--pairs", static_cast<std::int64_t>(effort.pairs)));
    effort.seconds = arguments.number("--seconds", effort.seconds);
    const std::vector<std::int64_t> flops(engine.exits());
    const Threads plan = as_threads(arguments.text("--threads", "parked"), flops);
    const int threads = engine.backend().threads().value_or(physical_cores());
    const bool shared = plan.mode == ThreadsMode::shared;
    const ort::Environment environment(library, nullptr, shared ? std::optional<int>(threads) : std::nullopt, true);
    const std::filesystem::path networks = std::filesystem::u8path(arguments.text("--networks", ""));
    if (arguments.has("--networks") && !std::filesystem::is_directory(networks))
      throw ConfigError("--networks is " + networks.u8string() + ", which is no folder; write one with: python -m eeinfer.bench.loops "
                        "BUNDLE --networks FOLDER");
    report["overheads"] = tools::measure_overheads(engine, {networks, environment, {threads, plan.mode, false, {}}}, effort);
  }
}

int bench(const tools::Arguments& arguments) {
  EngineOptions options;
  options.threads_mode = arguments.text("--threads", "");
  options.use_form = arguments.on("--form");
  options.onnxruntime = std::filesystem::u8path(arguments.text("--onnxruntime", ""));
  const Json load = tools::load_average();
  const std::unique_ptr<OpenEngine> engine = eeinfer::load(std::filesystem::u8path(arguments.bundle()), options);
  const std::string threads = options.threads_mode.empty() ? "as it chooses" : options.threads_mode;
  std::fprintf(stderr, "%s on %s, onnxruntime %s, threads %s, %s\n", engine->manifest().name.c_str(),
               tools::cpu_name().c_str(), engine->backend().version().c_str(), threads.c_str(),
               engine->backend().optimised() ? "optimised for this machine" : "segments as they were exported");
  const std::string& problem = engine->backend().form_problem();
  if (!problem.empty()) std::fprintf(stderr, "%s\n", problem.c_str());
  Json report = tools::report_of(*engine, load);
  add_measured(report, *engine, ort::load_library(nullptr, options.onnxruntime), arguments);
  std::printf("%s\n", report.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
  return 0;
}

}  // namespace

int main(int count, char** texts) {
  return tools::run(count, texts, kUsage, [&] {
    return bench({count, texts, {"--threads", "--form", "--onnxruntime", "--networks", "--pairs", "--seconds", "--callers",
                                 "--rounds", "--tau", "--calls"}});
  });
}
