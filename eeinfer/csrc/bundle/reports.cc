#include "bundle/reports.h"

#include <initializer_list>

namespace eeinfer {
namespace {

using json::Node;
using json::Record;

double number(const Node& node) { return node.number(); }
std::int64_t whole(const Node& node) { return node.whole(); }
std::string text(const Node& node) { return node.text(); }

void numbers(Record& record, std::initializer_list<const char*> names) {
  for (const char* name : names) record.needed(name).number();
}

void numbers_or_null(Record& record, std::initializer_list<const char*> names) {
  for (const char* name : names) record.needed(name).unless_null(number);
}

bool read_exit_parity(const Node& node) {
  Record record(node);
  numbers(record, {"max_abs_error", "decisions_equal"});
  record.needed("predictions_equal").boolean();
  record.end();
  return true;
}

bool read_exit_shift(const Node& node) {
  Record record(node);
  numbers_or_null(record, {"accuracy_before", "accuracy_after"});
  numbers(record, {"predictions_equal", "max_score_shift", "mean_score_shift"});
  record.end();
  return true;
}

bool read_tau_shift(const Node& node) {
  Record record(node);
  record.needed("taus").each(number);
  numbers(record, {"moved", "mean_exit_before", "mean_exit_after", "flops_before", "flops_after"});
  numbers_or_null(record, {"accuracy_before", "accuracy_after"});
  record.end();
  return true;
}

}  // namespace

std::size_t read_parity(const Node& node) {
  Record record(node);
  record.needed("tolerance").number();
  record.needed("batch_sizes").each(whole);
  record.needed("inputs").each(text);
  record.needed("taus").each(number);
  const std::size_t rows = record.needed("exits").each(read_exit_parity).size();
  record.end();
  return rows;
}

std::size_t read_shift(const Node& node) {
  Record record(node);
  for (const char* name : {"data", "computed"}) record.needed(name).text();
  for (const char* name : {"images", "calibration_images"}) record.needed(name).whole();
  const std::size_t rows = record.needed("exits").each(read_exit_shift).size();
  record.needed("taus").each(read_tau_shift);
  record.end();
  return rows;
}

}  // namespace eeinfer
