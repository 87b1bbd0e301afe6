// How far something has got: one line on stderr.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace shoal::cli {

// On a terminal one line that changes and is gone at the end; elsewhere a line for each change,
// where what follows the last comma, the time, is no change of its own.
class StatusLine {
 public:
  StatusLine();
  ~StatusLine();
  StatusLine(const StatusLine&) = delete;
  StatusLine& operator=(const StatusLine&) = delete;

  void show(const std::string& text);
  // Only on a terminal: for what would be too many lines elsewhere.
  void show_briefly(const std::string& text);

 private:
  const bool is_terminal_;
  std::string shown_;
};

// "[#####.....] 12/24", `width` between the brackets; `done` beyond `total` is all of it.
std::string progress_bar(std::size_t done, std::size_t total, std::size_t width = 20);

}  // namespace shoal::cli
