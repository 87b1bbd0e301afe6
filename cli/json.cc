#include "cli/json.h"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <ctime>
#include <string_view>

#include "core/status.h"
#include "core/text.h"

namespace shoal::cli {
namespace {

using Buffer = rapidjson::StringBuffer;
using Writer = rapidjson::Writer<Buffer>;

void put(Writer& writer, std::string_view key, std::string_view value) {
  writer.Key(key.data(), static_cast<rapidjson::SizeType>(key.size()));
  writer.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

void put(Writer& writer, std::string_view key, std::int64_t value) {
  writer.Key(key.data(), static_cast<rapidjson::SizeType>(key.size()));
  writer.Int64(value);
}

void put_bool(Writer& writer, std::string_view key, bool value) {
  writer.Key(key.data(), static_cast<rapidjson::SizeType>(key.size()));
  writer.Bool(value);
}

void put_null(Writer& writer, std::string_view key) {
  writer.Key(key.data(), static_cast<rapidjson::SizeType>(key.size()));
  writer.Null();
}

// Three decimals at most, written exactly: a double would show 0.30000000000000004.
void put_milli(Writer& writer, std::string_view key, core::Milli value) {
  writer.Key(key.data(), static_cast<rapidjson::SizeType>(key.size()));
  const std::string text = core::milli_to_string(value);
  writer.RawValue(text.data(), text.size(), rapidjson::kNumberType);
}

// null when `wall_ms` is 0.
void put_time(Writer& writer, std::string_view key, std::int64_t wall_ms) {
  if (wall_ms == 0) return put_null(writer, key);
  put(writer, key, iso_time(wall_ms));
}

void put_resources(Writer& writer, std::string_view key, const core::Resources& resources) {
  writer.Key(key.data(), static_cast<rapidjson::SizeType>(key.size()));
  writer.StartObject();
  put_milli(writer, "cpus", resources.cpus);
  put_milli(writer, "mem_mib", resources.mem);
  put_milli(writer, "disk_mib", resources.disk);
  put_milli(writer, "gpus", resources.gpus);
  writer.Key("ports");
  writer.StartArray();
  for (const core::PortRange& range : resources.ports.ranges()) {
    const std::string text = fmt::format("{}-{}", range.begin, range.end);
    writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
  }
  writer.EndArray();
  writer.EndObject();
}

void put_object(Writer& writer, const core::AgentSummary& agent) {
  writer.StartObject();
  put(writer, "id", core::to_string(agent.id));
  put(writer, "hostname", agent.hostname);
  put(writer, "address", agent.address);
  put(writer, "state", core::name_of(agent.state));
  put_resources(writer, "total", agent.total);
  put_resources(writer, "used", agent.used);
  put_resources(writer, "offered", agent.offered);
  writer.Key("attributes");
  writer.StartObject();
  for (const auto& [name, value] : agent.attributes) put(writer, name, value);
  writer.EndObject();
  put(writer, "tasks", std::int64_t{agent.tasks});
  put_time(writer, "registered", agent.registered_ms);
  writer.EndObject();
}

void put_object(Writer& writer, const core::FrameworkSummary& framework) {
  writer.StartObject();
  put(writer, "id", core::to_string(framework.id));
  put(writer, "name", framework.name);
  put(writer, "user", framework.user);
  put(writer, "role", framework.role);
  put(writer, "state", core::name_of(framework.state));
  put_bool(writer, "suppressed", framework.suppressed);
  put(writer, "tasks", std::int64_t{framework.tasks});
  put(writer, "offers", std::int64_t{framework.offers});
  put_resources(writer, "allocated", framework.allocated);
  put_time(writer, "subscribed", framework.subscribed_ms);
  writer.EndObject();
}

void put_exit(Writer& writer, const core::TaskSummary& task) {
  if (task.has_exit && task.exit_signal == 0) {
    put(writer, "exit_code", std::int64_t{task.exit_code});
  } else {
    put_null(writer, "exit_code");
  }
  if (task.has_exit && task.exit_signal > 0) {
    put(writer, "exit_signal", std::int64_t{task.exit_signal});
  } else {
    put_null(writer, "exit_signal");
  }
}

void put_object(Writer& writer, const core::TaskSummary& task) {
  writer.StartObject();
  put(writer, "id", task.id);
  put(writer, "name", task.name);
  put(writer, "framework", core::to_string(task.framework));
  if (task.agent.valid()) {
    put(writer, "agent", core::to_string(task.agent));
  } else {
    put_null(writer, "agent");
  }
  put(writer, "agent_address", task.agent_address);
  put(writer, "hostname", task.hostname);
  put(writer, "state", core::name_of(task.state));
  put(writer, "reason", core::name_of(task.reason));
  put(writer, "message", task.message);
  put_exit(writer, task);
  put_resources(writer, "resources", task.resources);
  put_time(writer, "started", task.started_ms);
  put_time(writer, "ended", task.ended_ms);
  writer.EndObject();
}

void put_object(Writer& writer, const core::OfferSummary& offer) {
  writer.StartObject();
  put(writer, "id", core::to_string(offer.id));
  put(writer, "agent", core::to_string(offer.agent));
  put(writer, "framework", core::to_string(offer.framework));
  put(writer, "hostname", offer.hostname);
  put_resources(writer, "resources", offer.resources);
  put(writer, "age_ms", offer.age_ms);
  writer.EndObject();
}

template <typename T>
std::string list(const std::vector<T>& items, bool lines) {
  std::string out = lines ? "" : "[";
  bool first = true;
  for (const T& item : items) {
    Buffer buffer;
    Writer writer(buffer);
    put_object(writer, item);
    if (!lines) out += first ? "\n  " : ",\n  ";
    out.append(buffer.GetString(), buffer.GetSize());
    if (lines) out += '\n';
    first = false;
  }
  if (!lines) out += first ? "]\n" : "\n]\n";
  return out;
}

}  // namespace

std::string to_json(const core::ClusterView& view, core::QueryKind kind, bool lines) {
  switch (kind) {
    case core::QueryKind::kAgents:
      return list(view.agents, lines);
    case core::QueryKind::kFrameworks:
      return list(view.frameworks, lines);
    case core::QueryKind::kTasks:
      return list(view.tasks, lines);
    case core::QueryKind::kOffers:
      return list(view.offers, lines);
    case core::QueryKind::kCluster:
      break;
  }
  return lines ? "" : "[]\n";
}

std::string to_json(const VersionInfo& info) {
  Buffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  put(writer, "version", info.version);
  if (info.commit.empty()) {
    put_null(writer, "commit");
  } else {
    put(writer, "commit", info.commit);
  }
  put(writer, "allocator", info.allocator);
  put(writer, "allocator_version", info.allocator_version);
  put(writer, "compiler", info.compiler);
  put(writer, "protocol", std::int64_t{info.protocol});
  writer.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

std::string ready_json(const std::string& master, int pid) {
  Buffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  put(writer, "master", master);
  put(writer, "url", "http://" + master);
  put(writer, "pid", std::int64_t{pid});
  writer.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

std::string master_of_ready_json(const std::string& text) {
  rapidjson::Document document;
  document.Parse(text.data(), text.size());
  if (document.HasParseError() || !document.IsObject()) return "";
  const auto found = document.FindMember("master");
  if (found == document.MemberEnd() || !found->value.IsString()) return "";
  return std::string(found->value.GetString(), found->value.GetStringLength());
}

std::string iso_time(std::int64_t wall_ms) {
  const std::time_t seconds = static_cast<std::time_t>(wall_ms / 1000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     wall_ms % 1000);
}

}  // namespace shoal::cli
