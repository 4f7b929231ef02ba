// The golden file of a bundle: inputs, and what every exit answered to them, for other machines and languages; and whether
// a bundle answers here as it did there. The twin of eeinfer/golden; docs/bundle.md says the file entry by entry.
#ifndef EEINFER_GOLDEN_GOLDEN_H
#define EEINFER_GOLDEN_GOLDEN_H

#include <filesystem>
#include <string>
#include <vector>

#include "eeinfer/engine.h"
#include "golden/npz.h"

namespace eeinfer {

// What was recorded. B rows, E exits, K classes.
struct Golden {
  std::string made_with;      // JSON, for people
  std::vector<Array> inputs;  // as a call takes them, in the manifest's order
  std::int64_t rows = 0;
  AllExits answers;
  std::vector<float> taus;          // [E] for `exits`
  std::vector<std::int64_t> exits;  // [B] where each row leaves; -1 for one with NaN or infinite values
};

// Where the golden file of the bundle at `bundle` lies or would lie: model.golden.npz beside model.eeb.
std::filesystem::path golden_path(const std::filesystem::path& bundle);

// Read and check the golden file of one bundle. Throws InputError: it is missing, damaged, of another format, or was
// recorded from another bundle.
Golden read_golden(const std::filesystem::path& file, const Manifest& manifest, const std::string& fingerprint);

// One exit against what was recorded, over all rows.
struct ExitCheck {
  double logit_error = 0;  // largest, absolute; infinite where one side alone is not finite
  double allowed = 0;
  double score_error = 0;
  std::int64_t predictions = 0;  // rows whose prediction differs, beyond what the allowed error explains
};

// A bundle against its golden file.
struct Comparison {
  std::vector<ExitCheck> exits;
  std::vector<std::int64_t> moved;  // rows that leave at another exit, in a batch or alone, and are not near a threshold
  std::vector<std::string> differences;  // what is beyond the tolerance, a sentence each
};

// Run the recorded rows through every exit, then through the cascade, together and one by one.
//
// tolerance: largest absolute error of a logit, relative to the largest recorded one beyond 1; 0 asks for the same bits.
Comparison compare(const Engine& engine, const Golden& golden, double tolerance);

}  // namespace eeinfer

#endif
