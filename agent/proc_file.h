// Reads one of the small files that the kernel makes up.
#pragma once

#include <string>

namespace shoal::agent {

// The first 64 KiB; empty when it cannot be read.
std::string read_proc_file(const std::string& path);

}  // namespace shoal::agent
