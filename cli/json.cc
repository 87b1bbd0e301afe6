#include "cli/json.h"

#include <rapidjson/document.h>

#include <string_view>
#include <utility>

#include "cli/amounts.h"
#include "core/status.h"
#include "core/text.h"
#include "master/cluster_json.h"

namespace shoal::cli {
namespace {

using master::Buffer;
using master::put;
using master::put_bool;
using master::put_milli;
using master::put_null;
using master::put_object;
using master::Writer;

void put_object(Writer& writer, const VolumeRow& row) {
  writer.StartObject();
  put(writer, "id", row.volume.id);
  put(writer, "role", row.role);
  put(writer, "agent", core::to_string(row.agent));
  put(writer, "hostname", row.hostname);
  put_milli(writer, "size_mib", row.size);
  put(writer, "path", row.volume.container_path);
  put(writer, "principal", row.volume.principal);
  put_bool(writer, "shared", row.volume.shared);
  put_bool(writer, "in_use", row.in_use);
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
    case core::QueryKind::kRoles:
      return list(view.roles, lines);
    case core::QueryKind::kCluster:
      break;
  }
  return lines ? "" : "[]\n";
}

std::string quotas_to_json(const std::vector<core::RoleSummary>& roles, bool lines) {
  std::vector<master::QuotaOf> quotas;
  for (const core::RoleSummary& role : roles) quotas.push_back({role});
  return list(quotas, lines);
}

std::string weights_to_json(const std::vector<core::RoleSummary>& roles, bool lines) {
  std::vector<master::WeightOf> weights;
  for (const core::RoleSummary& role : roles) weights.push_back({role});
  return list(weights, lines);
}

std::string volumes_to_json(const std::vector<VolumeRow>& rows, bool lines) {
  return list(rows, lines);
}

std::string to_json(const core::Explanation& explanation) {
  Buffer buffer;
  Writer writer(buffer);
  put_object(writer, explanation);
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
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
  if (!document.HasMember("master") || !document["master"].IsString()) return "";
  return std::string(document["master"].GetString(), document["master"].GetStringLength());
}

}  // namespace shoal::cli
