#include "cli/output/table.h"

#include <algorithm>

namespace orch::cli {

std::string Table::Draw(bool colors) const {
  std::vector<size_t> widths;
  for (const std::string& heading : headings_) widths.push_back(Columns(heading));
  std::vector<std::vector<Cell>> rows;
  rows.reserve(rows_.size() + 1);
  std::vector<Cell> head;
  for (const std::string& heading : headings_) head.emplace_back(heading, Ink::kBold);
  rows.push_back(std::move(head));
  for (const auto& row : rows_) {
    std::vector<Cell> shown;
    for (const Cell& cell : row) {
      std::string text = Visible(cell.text);
      std::replace(text.begin(), text.end(), '\n', ' ');
      shown.emplace_back(std::move(text), cell.ink);
    }
    rows.push_back(std::move(shown));
  }
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size() && i < widths.size(); ++i) {
      widths[i] = std::max(widths[i], Columns(row[i].text));
    }
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size() && i < widths.size(); ++i) {
      if (i > 0) line += "  ";
      line += Paint(row[i].text, row[i].ink, colors);
      if (i + 1 < widths.size()) line.append(widths[i] - Columns(row[i].text), ' ');
    }
    while (!line.empty() && line.back() == ' ') line.pop_back();
    out += line + "\n";
  }
  return out;
}

}  // namespace orch::cli
