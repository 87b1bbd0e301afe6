#include "master/election_pages.h"

#include <fmt/core.h>

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "core/status.h"
#include "master/api_answer.h"
#include "master/api_body.h"
#include "master/json_writer.h"
#include "master/leadership.h"

namespace shoal::master {
namespace {

// All that are alive; a master without an election is the only one.
std::vector<MasterEntry> masters_of(const MasterInfo& info) {
  if (info.leadership != nullptr) return info.leadership->masters();
  MasterEntry self;
  self.address = info.advertised;
  self.version = info.version;
  self.since_ms = info.since_ms;
  self.leads = true;
  return {self};
}

using PutSince = void (*)(Writer& writer, std::int64_t since_ms);

net::HttpResponse list_masters(const MasterInfo& info, PutSince put_since) {
  Buffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  writer.Key("masters");
  writer.StartArray();
  for (const MasterEntry& entry : masters_of(info)) {
    writer.StartObject();
    put(writer, "id", entry.id);
    put(writer, "address", entry.address);
    put(writer, "state", entry.leads ? "leader" : "standby");
    put_since(writer, entry.since_ms);
    put(writer, "version", entry.version);
    put(writer, "epoch", static_cast<std::int64_t>(entry.leads ? info.epoch : 0));
    writer.EndObject();
  }
  writer.EndArray();
  writer.EndObject();
  net::HttpResponse response;
  response.body = std::string(buffer.GetString(), buffer.GetSize()) + "\n";
  return response;
}

// nullopt: it is on its way.
std::optional<net::HttpResponse> hand_over(const MasterInfo& info) {
  if (info.leadership == nullptr) {
    return api_error(409, "invalid",
                     "this master has no election: it was started without --registry etcd://…");
  }
  if (info.leadership->masters().size() < 2) {
    return api_error(409, "invalid", "no other master is alive that could lead");
  }
  info.step_down();
  return std::nullopt;
}

}  // namespace

net::HttpResponse masters_page(const MasterInfo& info) {
  return list_masters(
      info, [](Writer& writer, std::int64_t since_ms) { put(writer, "since_ms", since_ms); });
}

net::HttpResponse api_masters(const MasterInfo& info) {
  return list_masters(
      info, [](Writer& writer, std::int64_t since_ms) { put_time(writer, "since", since_ms); });
}

net::HttpResponse step_down(const MasterInfo& info, const net::HttpRequest& request) {
  if (request.method != "POST") return net::method_not_allowed("POST");
  if (const auto refused = refuse_sender(request); refused.has_value()) return *refused;
  if (auto refused = hand_over(info); refused.has_value()) return *std::move(refused);
  net::HttpResponse response;
  response.body = fmt::format("{{\"epoch\":{}}}\n", info.epoch);
  return response;
}

net::HttpResponse api_step_down(const MasterInfo& info, const net::HttpRequest& request) {
  if (const auto refused = refuse_sender(request); refused.has_value()) return *refused;
  if (!request.query.empty()) return api_error(core::invalid("no parameters are known here"));
  if (absl::Status sound = ApiBody(request.body).finish(); !sound.ok()) return api_error(sound);
  if (auto refused = hand_over(info); refused.has_value()) return *std::move(refused);
  net::HttpResponse response;
  response.body = fmt::format("{{\"done\":true,\"epoch\":{}}}\n", info.epoch);
  return response;
}

}  // namespace shoal::master
