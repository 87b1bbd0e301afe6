// Events as JSON, and which of them a watcher wants. The schema is docs/API.md's and stable.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/event_log.h"
#include "master/api_mail.h"

namespace shoal::master {

// "agent", "framework", "task", "role", "operation": of an alternative of core::Event::what.
std::string_view event_type_name(std::size_t type);
std::optional<std::size_t> event_type_of(std::string_view name);
std::string event_type_names();  // for a message

std::string to_json(const core::Event& event);

bool wants(const EventFilter& filter, const core::Event& event);

}  // namespace shoal::master
