#include "master/election_pages.h"

#include <fmt/core.h>

#include <string_view>
#include <vector>

#include "master/api_answer.h"
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

}  // namespace

net::HttpResponse masters_page(const MasterInfo& info) {
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
    put(writer, "since_ms", entry.since_ms);
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

net::HttpResponse step_down(const MasterInfo& info, const net::HttpRequest& request) {
  if (request.method != "POST") return net::method_not_allowed("POST");
  if (const auto refused = refuse_sender(request); refused.has_value()) return *refused;
  if (info.leadership == nullptr) {
    return api_error(409, "invalid",
                     "this master has no election: it was started without --registry etcd://…");
  }
  if (info.leadership->masters().size() < 2) {
    return api_error(409, "invalid", "no other master is alive that could lead");
  }
  info.step_down();
  net::HttpResponse response;
  response.body = fmt::format("{{\"epoch\":{}}}\n", info.epoch);
  return response;
}

}  // namespace shoal::master
