#pragma once

#include <string>
#include <vector>

#include "cli/output/style.h"

namespace orch::cli {

struct Cell {
  std::string text;
  Ink ink = Ink::kPlain;
  Cell(std::string text, Ink ink = Ink::kPlain) : text(std::move(text)), ink(ink) {}  // NOLINT
  Cell(const char* text) : text(text) {}                                              // NOLINT
};

// A table: headings in bold, columns two spaces apart, the last one never padded.
class Table {
 public:
  explicit Table(std::vector<std::string> headings) : headings_(std::move(headings)) {}

  // As many cells as there are headings.
  void Add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.empty(); }

  std::string Draw(bool colors) const;

 private:
  std::vector<std::string> headings_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace orch::cli
