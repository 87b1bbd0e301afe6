// The description of the operator API (master/openapi.json), as this program serves it.
#pragma once

#include <string_view>

namespace shoal::master {

extern const std::string_view kOpenApiText;

}  // namespace shoal::master
