// What this build calls itself. The number is that of project() in CMakeLists.txt.
#pragma once

#include <string_view>

namespace shoal::core {

inline constexpr std::string_view kVersion = "0.1.0";
inline constexpr std::string_view kSoftware = "shoal/0.1.0";  // in Hello and Welcome

}  // namespace shoal::core
