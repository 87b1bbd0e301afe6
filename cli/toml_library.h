// The TOML library, made safe for files that anybody wrote. Internal to the .cc files that read
// them: it throws toml::parse_error, and std::invalid_argument where it would assert.
#pragma once

#include <stdexcept>

// The library asserts where some malformed files ("[[[") bring it: that is an error of the file,
// not of the program.
[[noreturn]] inline void refuse_toml() { throw std::invalid_argument("this is no TOML"); }
#undef NDEBUG
#define TOML_ASSERT(expression) ((expression) ? static_cast<void>(0) : refuse_toml())
#include <toml++/toml.h>
