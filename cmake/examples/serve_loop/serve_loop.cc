// serve_loop BUNDLE [THREADS] [CALLS]: many threads call one engine, as the workers of a server do.
#include <eeinfer/engine.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <thread>
#include <vector>

namespace {

// What one worker does: its own input and its own result, the engine of all.
void work(const eeinfer::Engine& engine, std::atomic<long>& left, std::atomic<long>& early) {
  const eeinfer::TensorSpec& spec = engine.manifest().inputs[0].tensor;
  std::vector<std::int64_t> shape = {1};
  std::size_t numbers = 1;
  for (const std::int64_t size : spec.sizes()) {
    shape.push_back(size);
    numbers *= static_cast<std::size_t>(size);
  }
  const std::vector<float> image(numbers, 0.5f);
  const eeinfer::View view(spec.dtype, image.data(), shape.data(), static_cast<int>(shape.size()));
  eeinfer::Result result;  // used again: then a call allocates nothing
  while (left-- > 0) {
    engine.run(&view, 1, {}, result);
    if (result.exits[0] + 1 < static_cast<std::int64_t>(engine.manifest().segments.size())) ++early;
  }
}

}  // namespace

int main(int count, char** arguments) try {
  if (count < 2) return std::cerr << "give a bundle, and perhaps a number of threads and of calls\n", 2;
  const int threads = count > 2 ? std::atoi(arguments[2]) : 4;
  const long calls = count > 3 ? std::atol(arguments[3]) : 1000;
  eeinfer::EngineOptions options;
  options.threads = 1;  // every worker computes its own call
  const eeinfer::Engine engine(arguments[1], options);
  std::atomic<long> left{calls}, early{0};
  const auto began = std::chrono::steady_clock::now();
  std::vector<std::thread> workers;
  for (int i = 0; i < threads; ++i) workers.emplace_back([&] { work(engine, left, early); });
  for (std::thread& worker : workers) worker.join();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  std::cout << calls << " calls by " << threads << " threads in " << seconds << " s, " << static_cast<double>(calls) / seconds
            << " a second; " << early << " left early\n";
} catch (const std::exception& error) {
  std::cerr << "error: " << error.what() << "\n";
  return 1;
}
