// Whether a manifest holds together: the segments chain, every exit has its threshold, the costs add up.
#ifndef EEINFER_BUNDLE_CHECKS_H
#define EEINFER_BUNDLE_CHECKS_H

#include <cstddef>
#include <optional>
#include <string>

#include "eeinfer/manifest.h"

namespace eeinfer {

// The rows of the reports, one per exit. Nothing: there is no report to compare with.
struct ReportRows {
  std::optional<std::size_t> parity;
  std::optional<std::size_t> shift;
};

// Throws BundleError naming the first thing that no engine could run as written. where: the folder, for messages.
void check_manifest(const Manifest& manifest, const ReportRows& rows, const std::string& where);

// The same of segments and files that take the place of the manifest's.
void check_manifest(const Manifest& manifest, const std::string& where);

}  // namespace eeinfer

#endif
