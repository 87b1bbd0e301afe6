#include <fmt/core.h>

#include <string>
#include <string_view>

#include "cli/registry.h"
#include "master/json_writer.h"

namespace shoal::cli {
namespace {

using master::Buffer;
using master::put;
using master::put_drain;
using master::put_key;
using master::put_milli;
using master::put_quantities;
using master::put_time;
using master::Writer;

void put_fields(Writer& writer, const core::RegisteredAgent& row) {
  put(writer, "id", core::to_string(row.id));
  put(writer, "standing", name_of(row.standing));
  put(writer, "mode", name_of(row.mode));
  put_drain(writer, row.mode, row.drain);
  put(writer, "hostname", row.hostname);
  put(writer, "address", row.address);
  put_time(writer, "since", row.since_ms);
}

void put_fields(Writer& writer, const core::RegisteredFramework& row) {
  put(writer, "id", core::to_string(row.id));
  put(writer, "standing", name_of(row.standing));
  put(writer, "name", row.name);
  put(writer, "user", row.user);
  put(writer, "failover_timeout_ms", row.failover_timeout_ms);
  put_time(writer, "since", row.since_ms);
}

void put_fields(Writer& writer, const core::RegisteredRole& row) {
  put(writer, "role", row.name);
  put_milli(writer, "weight", row.weight);
  put_quantities(writer, "limits", row.limits);
  put_quantities(writer, "guarantees", row.guarantees);
}

template <typename Row>
void put_rows(Writer& writer, std::string_view key, const std::vector<Row>& rows) {
  put_key(writer, key);
  writer.StartArray();
  for (const Row& row : rows) {
    writer.StartObject();
    put_fields(writer, row);
    writer.EndObject();
  }
  writer.EndArray();
}

template <typename Row>
void add_lines(std::string& out, std::string_view kind, const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    Buffer buffer;
    Writer writer(buffer);
    writer.StartObject();
    put(writer, "kind", kind);
    put_fields(writer, row);
    writer.EndObject();
    out.append(buffer.GetString(), buffer.GetSize());
    out += '\n';
  }
}

std::string names_of(const core::RegistryContents& contents) {
  std::string out;
  for (const auto& row : contents.agents) out += core::to_string(row.id) + "\n";
  for (const auto& row : contents.frameworks) out += core::to_string(row.id) + "\n";
  for (const auto& row : contents.roles) out += row.name + "\n";
  return out;
}

}  // namespace

std::string registry_to_json(std::uint64_t cluster_id, const core::RegistryContents& contents,
                             OutputFormat format) {
  if (format == OutputFormat::kName) return names_of(contents);
  std::string out;
  if (format == OutputFormat::kJsonLines) {
    add_lines(out, "agent", contents.agents);
    add_lines(out, "framework", contents.frameworks);
    add_lines(out, "role", contents.roles);
    return out;
  }
  Buffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  put(writer, "cluster_id", std::string_view(fmt::format("{:016x}", cluster_id)));
  put_rows(writer, "agents", contents.agents);
  put_rows(writer, "frameworks", contents.frameworks);
  put_rows(writer, "roles", contents.roles);
  writer.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

}  // namespace shoal::cli
