#include "master/event_json.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <variant>

#include "core/trace_id.h"
#include "master/json_writer.h"

namespace shoal::master {
namespace {

constexpr std::array<std::string_view, std::variant_size_v<decltype(core::Event::what)>> kTypes = {
    "agent", "framework", "task", "role", "operation"};

template <typename Id>
void put_id(Writer& writer, std::string_view key, Id id) {
  if (!id.valid()) return put_null(writer, key);
  put(writer, key, core::to_string(id));
}

void put_fields(Writer& writer, const core::AgentEvent& event) {
  put_id(writer, "agent", event.id);
  put(writer, "hostname", event.hostname);
  put(writer, "state", event.is_removed ? "removed" : core::name_of(event.state));
  put(writer, "mode", core::name_of(event.mode));
}

void put_fields(Writer& writer, const core::FrameworkEvent& event) {
  put_id(writer, "framework", event.id);
  put(writer, "name", event.name);
  put(writer, "state", core::name_of(event.state));
}

void put_fields(Writer& writer, const core::TaskEvent& event) {
  put(writer, "task", event.id);
  put_id(writer, "framework", event.framework);
  put_id(writer, "agent", event.agent);
  put(writer, "state", core::name_of(event.state));
  put(writer, "reason", core::name_of(event.reason));
  put(writer, "message", event.message);
  put(writer, "trace", core::trace_id(event.framework, event.id));
}

void put_fields(Writer& writer, const core::RoleEvent& event) { put(writer, "role", event.name); }

void put_fields(Writer& writer, const core::OperationEvent& event) {
  put_id(writer, "agent", event.agent);
  put_id(writer, "framework", event.framework);
  put(writer, "operation", core::name_of(event.kind));
  put(writer, "id", event.id);
  put(writer, "state", core::name_of(event.state));
}

// What an event is about, for filters.
struct Subject {
  core::AgentId agent;
  core::FrameworkId framework;
  std::string_view task;
};

Subject subject_of(const core::AgentEvent& event) { return {event.id, {}, {}}; }
Subject subject_of(const core::FrameworkEvent& event) { return {{}, event.id, {}}; }
Subject subject_of(const core::TaskEvent& event) {
  return {event.agent, event.framework, event.id};
}
Subject subject_of(const core::RoleEvent& /*event*/) { return {}; }
Subject subject_of(const core::OperationEvent& event) { return {event.agent, event.framework, {}}; }

}  // namespace

std::string_view event_type_name(std::size_t type) { return kTypes[type]; }

std::optional<std::size_t> event_type_of(std::string_view name) {
  const auto* found = std::find(kTypes.begin(), kTypes.end(), name);
  if (found == kTypes.end()) return std::nullopt;
  return static_cast<std::size_t>(std::distance(kTypes.begin(), found));
}

std::string event_type_names() { return fmt::format("{}", fmt::join(kTypes, ", ")); }

std::string to_json(const core::Event& event) {
  Buffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  put(writer, "type", kTypes[event.what.index()]);
  put_time(writer, "time", event.wall_ms);
  std::visit([&writer](const auto& what) { put_fields(writer, what); }, event.what);
  writer.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

bool wants(const EventFilter& filter, const core::Event& event) {
  if (filter.types != 0 && (filter.types >> event.what.index() & 1) == 0) return false;
  const Subject subject = std::visit([](const auto& what) { return subject_of(what); }, event.what);
  return (!filter.agent.valid() || filter.agent == subject.agent) &&
         (!filter.framework.valid() || filter.framework == subject.framework) &&
         (filter.task.empty() || filter.task == subject.task);
}

}  // namespace shoal::master
