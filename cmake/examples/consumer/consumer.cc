#include <eeinfer/engine.h>

#include <iostream>
#include <vector>

int main(int, char** arguments) {
  const eeinfer::Engine engine(arguments[1]);
  const std::vector<std::int64_t> shape = engine.manifest().inputs[0].tensor.sizes();  // such as 3, 32, 32
  const std::vector<float> image(static_cast<std::size_t>(shape[0] * shape[1] * shape[2]));
  const eeinfer::Result result = engine.run({image.data(), {shape[0], shape[1], shape[2]}});
  std::cout << engine.manifest().classes[result.predictions[0]] << " at exit " << result.exits[0] << "\n";
}
