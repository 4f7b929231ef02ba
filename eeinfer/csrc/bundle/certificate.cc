#include "bundle/certificate.h"

#include <algorithm>

#include "bundle/records.h"
#include "files/text.h"

namespace eeinfer {
namespace {

using json::Node;
using json::Record;
using Names = std::vector<std::string>;

double number(const Node& node) { return node.number(); }
std::int64_t whole(const Node& node) { return node.whole(); }
std::string text(const Node& node) { return node.text(); }

void read_promise(const Node& node, Certificate& certificate) {
  const Record record(node, {"kind", "value", "percentile"});
  certificate.promise = record.needed("kind").text();
  certificate.value = record.needed("value").number();
  if (const auto percentile = record.given("percentile")) percentile->unless_null(number);
}

// What people read and nothing is checked of but its type.
void read_rest(const Record& record) {
  for (const char* name : {"limit", "loss"}) record.needed(name).number();
  for (const char* name : {"confidence", "level", "upper"}) record.needed(name).unless_null(number);
  for (const char* name : {"data", "created"}) record.needed(name).text();
  record.needed("bound").unless_null(text);
  record.needed("seed").whole();
  if (const auto machine = record.given("machine")) machine->unless_null(text);
}

void check_known(const std::string& what, const std::string& value, const Names& known) {
  if (std::find(known.begin(), known.end(), value) != known.end()) return;
  throw Problem("the certificate " + what + " " + in_quotes(value) + ", known are " + joined(known));
}

// Whether the rows at the exits are those that it was certified on, none of them negative.
bool adds_up(const Certificate& certificate) {
  std::int64_t left = certificate.certified_on;
  for (const std::int64_t count : certificate.exits) {
    if (count < 0 || count > certificate.rows || count > left) return false;
    left -= count;
  }
  return left == 0;
}

}  // namespace

Certificate read_certificate(const Node& node) {
  const Record record(node, {"promise", "limit", "confidence", "level", "method", "bound", "loss", "upper", "taus", "exits",
                             "seed", "rows", "certified_on", "data", "data_sha256", "files_sha256", "created",
                             "machine"});
  Certificate certificate;
  read_promise(record.needed("promise"), certificate);
  read_rest(record);
  certificate.method = record.needed("method").text();
  certificate.taus = record.needed("taus").each(number);
  certificate.exits = record.needed("exits").each(whole);
  certificate.rows = record.needed("rows").whole();
  certificate.certified_on = record.needed("certified_on").whole();
  certificate.data_sha256 = record.needed("data_sha256").text();
  certificate.files_sha256 = record.needed("files_sha256").text();
  return certificate;
}

void check_certificate(const Certificate& certificate, std::size_t exits) {
  check_known("promises", certificate.promise,
              {"max_loss", "min_accuracy", "consistency", "budget_flops", "budget_ms"});
  if (!(certificate.value > 0)) {
    throw Problem("the certificate promises " + in_quotes(certificate.promise) + " of nothing above 0");
  }
  check_known("has the method", certificate.method, {"fixed-sequence", "exact", "conformal"});
  if (certificate.taus.size() != exits || certificate.exits.size() != exits) {
    throw Problem("the certificate has " + std::to_string(certificate.taus.size()) + " taus and " +
                  std::to_string(certificate.exits.size()) + " counts for " + std::to_string(exits) + " exits");
  }
  const auto in_range = [](double tau) { return tau >= 0 && tau <= 1; };
  if (!std::all_of(certificate.taus.begin(), certificate.taus.end(), in_range)) {
    throw Problem("the certificate has a tau outside [0, 1]");
  }
  if (!adds_up(certificate)) {
    throw Problem("the certificate counts other rows at its exits than it was certified on");
  }
  if (certificate.certified_on < 1 || certificate.certified_on > certificate.rows) {
    throw Problem("the certificate was certified on " + std::to_string(certificate.certified_on) + " of " +
                  std::to_string(certificate.rows) + " rows");
  }
  if (!is_sha256(certificate.data_sha256) || !is_sha256(certificate.files_sha256)) {
    throw Problem("the certificate has no SHA-256 of its data and files");
  }
}

bool is_sha256(const std::string& digits) {
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return digits.size() == 64 && std::all_of(digits.begin(), digits.end(), is_digit);
}

}  // namespace eeinfer
