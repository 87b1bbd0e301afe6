// The program: words in, exit code out.
#pragma once

namespace shoal::cli {

int shoal_main(int argc, char** argv);

}  // namespace shoal::cli
