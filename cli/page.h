// What a verb that looks shows: once, or again and again with --watch.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "cli/exit_code.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "core/time.h"

namespace shoal::cli {

struct Page {
  std::string text{};  // for stdout; may be empty
  std::string note{};  // for stderr, one line: what there is none of; may be empty
  int exit_code = kExitOk;
};

// One look at the cluster, as it is to be shown on this terminal.
using Look = std::function<absl::StatusOr<Page>(const Terminal& terminal)>;

// Shows the page, and with `every` a new one after each of these times until Ctrl-C, which is a
// good end. On a terminal each page takes the place of the one before; elsewhere pages follow one
// another, tables with the time before them. A look that fails ends it, unless there was a page
// already: then it is told, and the next look is taken. The exit code.
int show(const std::optional<core::Duration>& every, OutputFormat format, const Look& look);

// The text over what stood there before: no more lines than `lines`, the rest of the screen empty.
std::string redrawn(std::string_view text, std::size_t lines);
// Of the terminal that is stdout; 24 when it does not say.
std::size_t terminal_lines();

// What an interval of --watch may be.
inline constexpr core::Duration kMinWatch = std::chrono::milliseconds(100);
inline constexpr core::Duration kMaxWatch = std::chrono::hours(24);

}  // namespace shoal::cli
