// The certificate of a bundle's thresholds: it is as strict as the rest of the manifest, and no engine needs it.
#ifndef EEINFER_BUNDLE_CERTIFICATE_H
#define EEINFER_BUNDLE_CERTIFICATE_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "json/record.h"

namespace eeinfer {

// What of it is looked at. Whether it still holds is another question, and no reason to refuse the bundle.
struct Certificate {
  std::string promise;
  double value = 0;
  std::string method;
  std::vector<double> taus;
  std::vector<std::int64_t> exits;
  std::int64_t rows = 0;
  std::int64_t certified_on = 0;
  std::string data_sha256;
  std::string files_sha256;
};

// Throws json::Mismatch.
Certificate read_certificate(const json::Node& node);

// Throws Problem: what no certificate of a bundle with so many exits can say.
void check_certificate(const Certificate& certificate, std::size_t exits);

// Whether these are 64 lower-case hexadecimal digits.
bool is_sha256(const std::string& digits);

}  // namespace eeinfer

#endif
