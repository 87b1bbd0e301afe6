#include "cli/table.h"

#include <algorithm>
#include <utility>

#include "core/text.h"

namespace shoal::cli {
namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kNarrowest = 8;  // no column is cut below this
constexpr std::size_t kLongestCell = 200;

bool continues_code_point(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

std::string cut(std::string_view text, std::size_t width) {
  if (display_width(text) <= width) return std::string(text);
  std::size_t end = 0;
  std::size_t columns = 0;
  while (end < text.size()) {
    if (!continues_code_point(text[end]) && ++columns >= width) break;
    ++end;
  }
  return std::string(text.substr(0, end)) + "…";
}

}  // namespace

std::size_t display_width(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !continues_code_point(c); }));
}

std::string paint(std::string_view text, Colour colour, const Terminal& terminal) {
  if (!terminal.use_colour || colour == Colour::kNone) return std::string(text);
  std::string_view code;
  switch (colour) {
    case Colour::kGreen:
      code = "\033[32m";
      break;
    case Colour::kYellow:
      code = "\033[33m";
      break;
    case Colour::kRed:
      code = "\033[31m";
      break;
    case Colour::kDim:
    case Colour::kNone:
      code = "\033[2m";
      break;
  }
  return std::string(code) + std::string(text) + "\033[0m";
}

void Table::add_row(std::vector<Cell> row) {
  for (Cell& cell : row) cell.text = core::printable(cell.text, kLongestCell);
  rows_.push_back(std::move(row));
}

std::vector<std::size_t> Table::widths(const Terminal& terminal) const {
  std::vector<std::size_t> widths;
  std::size_t total = columns_.empty() ? 0 : kGap * (columns_.size() - 1);
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t width = display_width(columns_[i].title);
    for (const auto& row : rows_) width = std::max(width, display_width(row[i].text));
    widths.push_back(width);
    total += width;
  }
  const std::size_t available =
      terminal.width > 0 ? static_cast<std::size_t>(terminal.width) : total;
  while (total > available) {
    // The widest column that may shrink gives up one.
    std::size_t widest = columns_.size();
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (!columns_[i].can_shrink || widths[i] <= kNarrowest) continue;
      if (widest == columns_.size() || widths[i] > widths[widest]) widest = i;
    }
    if (widest == columns_.size()) break;
    --widths[widest];
    --total;
  }
  return widths;
}

std::string Table::render(const Terminal& terminal) const {
  const std::vector<std::size_t> columns = widths(terminal);
  std::string out;
  const auto add_cell = [&](std::size_t i, const std::string& full, Colour colour) {
    const std::string text = cut(full, columns[i]);
    const std::string blanks(columns[i] - std::min(columns[i], display_width(text)), ' ');
    const bool is_last = i + 1 == columns_.size();
    if (columns_[i].align == Align::kRight) out += blanks;
    out += paint(text, colour, terminal);
    if (columns_[i].align == Align::kLeft && !is_last) out += blanks;
    out += is_last ? "\n" : std::string(kGap, ' ');
  };
  for (std::size_t i = 0; i < columns_.size(); ++i) add_cell(i, columns_[i].title, Colour::kDim);
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < columns_.size(); ++i) add_cell(i, row[i].text, row[i].colour);
  }
  return out;
}

}  // namespace shoal::cli
