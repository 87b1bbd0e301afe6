#include "master/api.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "core/limits.h"
#include "core/text.h"
#include "master/api_answer.h"
#include "master/election_pages.h"
#include "master/http_pages.h"
#include "master/json_writer.h"
#include "master/openapi.h"

namespace shoal::master {
namespace {

constexpr std::string_view kRoot = "/v1/";
constexpr std::string_view kOpenApi = "/openapi.json";

void put_reactor(Writer& writer, const Service& service) {
  const net::ReactorCounters& reactor = service.reactor().counters();
  const core::ShardCounters& shard = service.counters();
  const auto number = [&writer](std::string_view key, const alloc::Counter& counter) {
    put(writer, key, static_cast<std::int64_t>(counter.value()));
  };
  writer.StartObject();
  put(writer, "reactor", static_cast<std::int64_t>(service.reactor().index()));
  number("turns", reactor.turns);
  number("busy_ns", reactor.busy_ns);
  number("longest_turn_ns", reactor.max_turn_ns);
  number("connections", reactor.connections);
  number("http_connections", reactor.http_connections);
  number("received_bytes", reactor.bytes_in);
  number("sent_bytes", reactor.bytes_out);
  number("waiting_bytes", reactor.output_bytes);
  number("mailbox_received", reactor.mailbox_in);
  number("mailbox_spilled", reactor.mailbox_spilled);
  number("agents", shard.agents);
  number("frameworks", shard.frameworks);
  number("tasks", shard.tasks);
  number("offers", shard.offers);
  writer.EndObject();
}

net::HttpResponse reactors_page(const MasterInfo& info) {
  Buffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  put_key(writer, "reactors");
  writer.StartArray();
  for (const Service* service : info.services) put_reactor(writer, *service);
  writer.EndArray();
  writer.EndObject();
  net::HttpResponse response;
  response.body = std::string(buffer.GetString(), buffer.GetSize()) + "\n";
  return response;
}

net::HttpResponse registry_page(const MasterInfo& info) {
  const auto rows = static_cast<std::int64_t>(info.registry->rows_stored());
  const alloc::Histogram& commits = info.registry->commit_time();
  Buffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  put(writer, "rows_stored", rows);
  put(writer, "transactions", static_cast<std::int64_t>(commits.count()));
  put(writer, "commit_us_total", static_cast<std::int64_t>(commits.sum_micros()));
  put(writer, "agents_recovering", static_cast<std::int64_t>(info.tables->recovery.missing()));
  put(writer, "agents_silent", static_cast<std::int64_t>(info.tables->fleet.silent()));
  put_bool(writer, "agent_removals_stopped", info.removals_stopped());
  writer.EndObject();
  net::HttpResponse response;
  response.body = std::string(buffer.GetString(), buffer.GetSize()) + "\n";
  return response;
}

// Those that are no lists of records.
constexpr std::string_view kPages[] = {"cluster",  "events",   "explain",
                                       "reactors", "registry", "masters"};

bool is_step_down(const std::vector<std::string>& path) {
  return path.size() == 1 && path[0] == "step-down";
}

// What follows the root, at its slashes. Paths are decoded, so a role with a slash in it, eng/ads,
// is more than one part: of quotas, weights and roles all that follows is the name.
std::vector<std::string> parts_of(std::string_view path) {
  std::vector<std::string> parts;
  for (const std::string_view part : core::split(path.substr(kRoot.size()), '/')) {
    parts.emplace_back(part);
  }
  if (parts.size() > 1 && parts.back().empty()) parts.pop_back();
  const bool is_of_role = parts[0] == "quotas" || parts[0] == "weights" || parts[0] == "roles";
  while (is_of_role && parts.size() > 2) {
    parts[1] += "/" + parts[2];
    parts.erase(parts.begin() + 2);
  }
  return parts;
}

}  // namespace

Api::Api(net::Reactor& reactor, core::Shard& shard, core::Outbox& outbox,
         const ApiShard::Send& send, std::uint64_t incarnation, Admission& admission)
    : reactor_(reactor),
      admission_(admission),
      records_(shard, send),
      reads_(shard, send),
      watches_(shard, send, incarnation),
      actions_(shard, outbox),
      timer_(reactor, [this] { on_tick(); }) {
  timer_.start_repeating(core::kApiTick);
}

void Api::on_tick() {
  actions_.check(reactor_.now());
  if (reactor_.now() < next_keep_alive_) return;
  next_keep_alive_ = reactor_.now() + core::kApiKeepAlive;
  watches_.keep_alive();
}

bool Api::serves(std::string_view path) {
  return path == kOpenApi || path.substr(0, kRoot.size()) == kRoot;
}

bool Api::take_answer(core::SessionId to, const core::PeerMessage& message,
                      std::uint32_t correlation) {
  if (to != kApiSession) return false;
  actions_.on_answer(message, correlation);
  return true;
}

void Api::on_mail(ApiMail mail) {
  if (auto* page = std::get_if<PageAsk>(&mail)) {
    records_.on_ask(std::move(*page));
  } else if (auto* part = std::get_if<PagePart>(&mail)) {
    reads_.on_part(std::move(*part));
  } else if (auto* events = std::get_if<EventsAsk>(&mail)) {
    records_.on_ask(std::move(*events));
  } else if (const auto* told = std::get_if<EventsPart>(&mail)) {
    watches_.on_part(*told);
  } else if (const auto* end = std::get_if<EventsEnd>(&mail)) {
    records_.on_end(*end);
  }
}

void Api::on_request(const net::HttpRequest& request, net::HttpResponder responder,
                     const MasterInfo& info) {
  if (request.path != kOpenApi) return route(request, responder, info);
  net::HttpResponse response;
  response.body = kOpenApiText;
  responder.respond(response);
}

void Api::route(const net::HttpRequest& request, net::HttpResponder responder,
                const MasterInfo& info) {
  const std::vector<std::string> path = parts_of(request.path);
  if (actions_.act(path, request, responder, reactor_.now())) return;
  if (is_step_down(path) && request.method == "POST") {
    responder.respond(api_step_down(info, request));
    return;
  }
  const ApiReads::Collection* collection = ApiReads::find_collection(path[0]);
  const bool is_page = path.size() == 1 &&
                       std::find(std::begin(kPages), std::end(kPages), path[0]) != std::end(kPages);
  const bool is_record = collection != nullptr && path.size() <= 2;
  const std::string_view methods = is_step_down(path) ? "POST" : ApiActions::methods_of(path);
  if (!is_page && !is_record && methods.empty()) {
    responder.respond(
        api_error(404, "not_found", fmt::format("there is no {}; see {}", request.path, kOpenApi)));
    return;
  }
  const bool is_read = request.method == "GET" || request.method == "HEAD";
  if (!is_read || (!is_page && !is_record)) {
    const std::string allowed =
        is_page || is_record ? fmt::format("GET, HEAD{}{}", methods.empty() ? "" : ", ", methods)
                             : std::string(methods);
    net::HttpResponse refused =
        api_error(405, "wrong_method", fmt::format("{} takes {}", request.path, allowed));
    refused.headers.emplace_back("Allow", allowed);
    responder.respond(refused);
    return;
  }
  if (is_record && path.size() == 1) {
    const core::TimePoint now = reactor_.now();
    if (!admission_.is_busy(now)) return reads_.list(*collection, request, responder);
    responder.respond(api_busy(admission_.turn_away(Admission::Guest::kRead, now)));
    return;
  }
  if (is_record) return reads_.get(*collection, path[1], request, responder);
  if (path[0] == "events") return watches_.watch(request, responder);
  if (path[0] == "explain") return actions_.explain(request, responder, reactor_.now());
  if (path[0] == "cluster") return reads_.get_cluster(responder);
  responder.respond(path[0] == "reactors"  ? reactors_page(info)
                    : path[0] == "masters" ? api_masters(info)
                                           : registry_page(info));
}

}  // namespace shoal::master
