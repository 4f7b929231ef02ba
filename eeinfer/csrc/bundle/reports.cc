#include "bundle/reports.h"

#include <initializer_list>

namespace eeinfer {
namespace {

using json::Node;
using json::Record;

double number(const Node& node) { return node.number(); }
std::int64_t whole(const Node& node) { return node.whole(); }
std::string text(const Node& node) { return node.text(); }

void numbers(const Record& record, std::initializer_list<const char*> names) {
  for (const char* name : names) record.needed(name).number();
}

void numbers_or_null(const Record& record, std::initializer_list<const char*> names) {
  for (const char* name : names) record.needed(name).unless_null(number);
}

bool read_exit_parity(const Node& node) {
  const Record record(node, {"max_abs_error", "predictions_equal", "decisions_equal"});
  numbers(record, {"max_abs_error", "decisions_equal"});
  record.needed("predictions_equal").boolean();
  return true;
}

bool read_exit_shift(const Node& node) {
  const Record record(node, {"accuracy_before", "accuracy_after", "predictions_equal", "max_score_shift",
                             "mean_score_shift"});
  numbers_or_null(record, {"accuracy_before", "accuracy_after"});
  numbers(record, {"predictions_equal", "max_score_shift", "mean_score_shift"});
  return true;
}

bool read_tau_shift(const Node& node) {
  const Record record(node, {"taus", "moved", "mean_exit_before", "mean_exit_after", "flops_before", "flops_after",
                             "accuracy_before", "accuracy_after"});
  record.needed("taus").each(number);
  numbers(record, {"moved", "mean_exit_before", "mean_exit_after", "flops_before", "flops_after"});
  numbers_or_null(record, {"accuracy_before", "accuracy_after"});
  return true;
}

}  // namespace

std::size_t read_parity(const Node& node, double& tolerance) {
  const Record record(node, {"tolerance", "batch_sizes", "inputs", "taus", "exits"});
  tolerance = record.needed("tolerance").number();
  record.needed("batch_sizes").each(whole);
  record.needed("inputs").each(text);
  record.needed("taus").each(number);
  const std::size_t rows = record.needed("exits").each(read_exit_parity).size();
  return rows;
}

std::size_t read_shift(const Node& node) {
  const Record record(node, {"data", "images", "calibration_images", "computed", "exits", "taus"});
  for (const char* name : {"data", "computed"}) record.needed(name).text();
  for (const char* name : {"images", "calibration_images"}) record.needed(name).whole();
  const std::size_t rows = record.needed("exits").each(read_exit_shift).size();
  record.needed("taus").each(read_tau_shift);
  return rows;
}

}  // namespace eeinfer
