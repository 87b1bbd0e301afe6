// Short forms for absl::Status. Messages are one line and say what was wrong, and what to do.
#pragma once

#include <fmt/core.h>

#include <string_view>
#include <utility>

#include "absl/status/status.h"

namespace shoal::core {

// INVALID_ARGUMENT with a formatted message.
template <typename... Args>
absl::Status invalid(fmt::format_string<Args...> format, Args&&... args) {
  return absl::InvalidArgumentError(fmt::format(format, std::forward<Args>(args)...));
}

// The message as a standard view: Debian's absl::string_view is a type of its own.
inline std::string_view message_of(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

}  // namespace shoal::core
