// eeinfer-check: whether a bundle answers here as it did where its golden file was recorded.
#include <cstdio>

#include "arguments.h"
#include "eeinfer/engine.h"
#include "golden/golden.h"

namespace {

constexpr char kUsage[] =
    "eeinfer-check BUNDLE [--golden FILE] [--tolerance T] [--threads SETTING] [--form on|off] [--onnxruntime FILE]\n\n"
    "Open a bundle, its hashes included, run every segment, and compare each exit with recorded answers, as\n"
    "`eeinfer export --golden` writes them: NAME.golden.npz beside NAME.eeb. The exit status is 1 where an answer\n"
    "differs by more than the tolerance; 0 asks for the same bits.";

using namespace eeinfer;

void print_lines(const Comparison& found, const Golden& golden, double tolerance) {
  std::printf("%lld rows recorded with %s\n", static_cast<long long>(golden.rows), golden.made_with.c_str());
  for (std::size_t k = 0; k < found.exits.size(); ++k) {
    const ExitCheck& exit = found.exits[k];
    const std::string moved = exit.predictions == 0 ? "equal" : "differ in " + std::to_string(exit.predictions) + " rows";
    std::printf("exit %zu: max error %.1e, score %.1e, predictions %s\n", k, exit.logit_error, exit.score_error, moved.c_str());
  }
  const std::string moved =
      found.moved.empty() ? "every row leaves where it left" : std::to_string(found.moved.size()) + " rows leave elsewhere";
  std::printf("cascade: %s, together and one by one; tolerance %g\n", moved.c_str(), tolerance);
}

int check(const tools::Arguments& arguments) {
  EngineOptions options;
  options.threads_mode = arguments.text("--threads", "");
  options.use_form = arguments.on("--form");
  options.onnxruntime = std::filesystem::u8path(arguments.text("--onnxruntime", ""));
  const std::filesystem::path path = std::filesystem::u8path(arguments.bundle());
  const Engine engine(path, options);
  std::printf("%s: hashes ok, %zu segments run with onnxruntime %s%s\n", engine.manifest().name.c_str(),
              engine.manifest().segments.size(), engine.onnxruntime_version().c_str(),
              engine.optimised() ? ", optimised for this machine" : "");
  if (!engine.form_problem().empty()) std::fprintf(stderr, "%s\n", engine.form_problem().c_str());
  const std::filesystem::path file = arguments.has("--golden") ? std::filesystem::u8path(arguments.text("--golden", ""))
                                                               : golden_path(path);
  if (!arguments.has("--golden") && !std::filesystem::exists(file)) {
    std::fprintf(stderr, "nothing was compared: there is no %s; record one with: eeinfer export %s --golden\n",
                 file.u8string().c_str(), arguments.bundle().c_str());
    return 0;
  }
  const double tolerance = arguments.number("--tolerance", engine.manifest().tolerance);
  const Golden golden = read_golden(file, engine.manifest(), engine.fingerprint());
  const Comparison found = compare(engine, golden, tolerance);
  print_lines(found, golden, tolerance);
  for (const std::string& difference : found.differences) std::fprintf(stderr, "differs: %s\n", difference.c_str());
  return found.differences.empty() ? 0 : 1;
}

}  // namespace

int main(int count, char** texts) {
  return tools::run(count, texts, kUsage, [&] {
    return check({count, texts, {"--golden", "--tolerance", "--threads", "--form", "--onnxruntime"}});
  });
}
