// A table for people: aligned columns, cut to the terminal's width.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cli/terminal.h"

namespace shoal::cli {

enum class Colour : std::uint8_t { kNone, kGreen, kYellow, kRed, kDim };

struct Cell {
  Cell(std::string words, Colour in = Colour::kNone)  // NOLINT: a text is a cell
      : text(std::move(words)), colour(in) {}
  std::string text;  // anything: made printable here
  Colour colour = Colour::kNone;
};

class Table {
 public:
  enum class Align : std::uint8_t { kLeft, kRight };
  struct Column {
    std::string title;
    Align align = Align::kLeft;
    bool can_shrink = false;  // may be cut (with "…") when the line is too long
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  void add_row(std::vector<Cell> row);  // one cell per column
  bool empty() const { return rows_.empty(); }
  std::string render(const Terminal& terminal) const;

 private:
  std::vector<std::size_t> widths(const Terminal& terminal) const;

  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

// Columns that a printable text takes: code points, good enough without wide characters.
std::size_t display_width(std::string_view text);

// `text` in `colour` when the terminal has colours.
std::string paint(std::string_view text, Colour colour, const Terminal& terminal);

}  // namespace shoal::cli
