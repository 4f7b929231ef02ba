// Whether a manifest holds together: the segments chain, every exit has its threshold, the costs add up.
#ifndef EEINFER_BUNDLE_CHECKS_H
#define EEINFER_BUNDLE_CHECKS_H

#include <cstddef>
#include <optional>
#include <string>

#include "bundle/certificate.h"
#include "eeinfer/manifest.h"

namespace eeinfer {

// What a manifest says beside what engines need. Nothing: there is no such report.
struct Reports {
  std::optional<std::size_t> parity;  // rows, one per exit
  std::optional<std::size_t> shift;   // likewise
  std::optional<Certificate> certificate;
};

// Throws BundleError naming the first thing that no engine could run as written. where: the folder, for messages.
void check_manifest(const Manifest& manifest, const Reports& reports, const std::string& where);

// The same of segments and files that take the place of the manifest's.
void check_manifest(const Manifest& manifest, const std::string& where);

}  // namespace eeinfer

#endif
