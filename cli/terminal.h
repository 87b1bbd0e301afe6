// What the program knows of its standard streams, and writing to them.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace shoal::cli {

// Call first: descriptors 0, 1 and 2 that were closed are opened (so that no socket gets their
// number; writing to them still fails), and SIGPIPE is ignored.
void prepare_standard_streams();

struct Terminal {
  bool is_terminal = false;
  bool use_colour = false;  // a terminal, NO_COLOR not set, TERM not "dumb"
  int width = 0;            // columns; 0: unknown, do not cut
};
Terminal describe_stdout();

// All of `text`, blocking. CANCELLED when nobody reads any more (EPIPE), which is no failure for a
// command line; otherwise INTERNAL with the reason.
absl::Status write_fully(int fd, std::string_view text);

// A line on stderr, "shoal: " before it; failures to write are ignored.
void say(std::string_view message);

// Prints the whole output of a verb: the exit code, kExitOk also when nobody reads.
int print_output(std::string_view text);

}  // namespace shoal::cli
