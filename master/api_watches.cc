#include "master/api_watches.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "core/limits.h"
#include "core/status.h"
#include "core/text.h"
#include "master/api_answer.h"
#include "master/event_json.h"

namespace shoal::master {
namespace {

constexpr std::string_view kOldest = "oldest";

struct Wanted {
  EventFilter filter{};
  std::string since{};
  bool follows = true;
};

absl::StatusOr<EventFilter> read_filter(const QueryParameters& parameters) {
  EventFilter filter{};
  for (const std::string& name : parameters.list("types")) {
    const std::optional<std::size_t> type = event_type_of(name);
    if (!type.has_value()) {
      return core::invalid("'{}' is no type of event; there are {}", core::printable(name),
                           event_type_names());
    }
    filter.types |= std::uint32_t{1} << *type;
  }
  if (absl::Status id = parameters.read("agent", &filter.agent); !id.ok()) return id;
  if (absl::Status id = parameters.read("framework", &filter.framework); !id.ok()) return id;
  filter.task = parameters.text("task");
  return filter;
}

absl::StatusOr<Wanted> read_request(const net::HttpRequest& request) {
  const absl::StatusOr<QueryParameters> parameters =
      QueryParameters::parse(request, {"types", "agent", "framework", "task", "since", "follow"});
  if (!parameters.ok()) return parameters.status();
  absl::StatusOr<EventFilter> filter = read_filter(*parameters);
  if (!filter.ok()) return filter.status();
  Wanted wanted{.filter = *std::move(filter), .since = parameters->text("since")};
  // What a browser says when it comes back.
  if (const std::string_view last = request.header("Last-Event-ID"); !last.empty()) {
    wanted.since = last;
  }
  const std::string follow = parameters->text("follow");
  if (!follow.empty() && follow != "true" && follow != "false") {
    return core::invalid("follow must be true or false");
  }
  wanted.follows = follow != "false";
  return wanted;
}

}  // namespace

// <16 hex>-<next of shard 0>-<next of shard 1>…; empty while some place is not known yet.
std::string ApiWatches::cursor_of(const Watch& watch) const {
  std::string out = fmt::format("{:016x}", incarnation_);
  for (const Watch::Place& place : watch.places) {
    if (!place.is_known) return {};
    out += fmt::format("-{}", place.next);
  }
  return out;
}

absl::StatusOr<std::vector<std::uint64_t>> ApiWatches::parse_cursor(std::string_view cursor) const {
  const absl::Status wrong = core::invalid("'{}' is no cursor of events", core::printable(cursor));
  const std::vector<std::string_view> parts = core::split(cursor, '-');
  std::uint64_t incarnation = 0;
  const std::string_view life = parts.front();
  const auto [stop, error] =
      std::from_chars(life.data(), life.data() + life.size(), incarnation, 16);
  if (error != std::errc() || stop != life.data() + life.size() || parts.size() < 2) return wrong;
  std::vector<std::uint64_t> next;
  for (std::size_t i = 1; i < parts.size(); ++i) {
    if (!core::parse_int(parts[i], &next.emplace_back())) return wrong;
  }
  if (incarnation != incarnation_) return std::vector<std::uint64_t>();
  if (next.size() != shard_.config.shards) return wrong;
  return next;
}

void ApiWatches::watch(const net::HttpRequest& request, const net::HttpResponder& responder) {
  net::HttpResponder client = responder;
  const absl::StatusOr<Wanted> wanted = read_request(request);
  if (!wanted.ok()) {
    client.respond(api_error(wanted.status()));
    return;
  }
  absl::StatusOr<std::vector<std::uint64_t>> numbers = std::vector<std::uint64_t>();
  const bool has_cursor = !wanted->since.empty() && wanted->since != kOldest;
  if (has_cursor) numbers = parse_cursor(wanted->since);
  if (!numbers.ok()) {
    client.respond(api_error(numbers.status()));
    return;
  }
  if (watches_.size() >= core::kMaxApiSubscribers) {
    client.respond(api_error(503, "overloaded", fmt::format("{} watch already", watches_.size())));
    return;
  }
  net::HttpResponse head;
  head.content_type = "text/event-stream";
  head.headers.emplace_back("Cache-Control", "no-store");
  head.body = "retry: 1000\n\n";
  auto from = EventsAsk::From::kNow;
  if (wanted->since == kOldest) from = EventsAsk::From::kOldest;
  if (has_cursor && !numbers->empty()) from = EventsAsk::From::kNumber;
  if (has_cursor && numbers->empty()) {
    head.body += "event: restarted\ndata: {\"type\":\"restarted\"}\n\n";
    from = EventsAsk::From::kOldest;
  }
  const std::uint64_t id = ++last_id_;
  client.on_closed([this, id] { end(id); });
  client.begin_stream(head);
  if (request.method == "HEAD") client.end_stream();
  if (!client.is_alive()) return;
  const std::uint32_t shards = shard_.config.shards;
  Watch& watch = watches_[id];
  watch.responder = client;
  watch.filter = wanted->filter;
  watch.follows = wanted->follows;
  watch.places.resize(shards);
  for (std::uint32_t shard = 0; shard < shards; ++shard) {
    if (!numbers->empty()) watch.places[shard] = {.next = (*numbers)[shard], .is_known = true};
    ask(id, watch, shard, from);
  }
}

void ApiWatches::ask(std::uint64_t id, Watch& watch, std::uint32_t shard, EventsAsk::From from) {
  Watch::Place& place = watch.places[shard];
  place.has_to_be_asked = false;
  send_(shard, EventsAsk{.origin = shard_.config.index,
                         .watch = id,
                         .from = from,
                         .number = place.next,
                         .waits = watch.follows,
                         .filter = watch.filter});
}

std::string ApiWatches::write_lines(Watch& watch, const EventsPart& part) const {
  Watch::Place& place = watch.places[part.shard];
  std::string text;
  if (part.lost > 0) {
    text += fmt::format("event: lost\ndata: {{\"type\":\"lost\",\"events\":{}}}\n\n", part.lost);
  }
  for (const EventsPart::Line& line : part.lines) {
    place.next = line.number + 1;
    place.is_known = true;
    if (const std::string cursor = cursor_of(watch); !cursor.empty())
      text += "id: " + cursor + "\n";
    text += fmt::format("event: {}\ndata: {}\n\n", event_type_name(line.type), *line.json);
  }
  place.next = part.next;
  place.is_known = true;
  if (!part.lines.empty()) return text;
  // The first answers say where the watcher is, so that it can come back there.
  const std::string cursor = cursor_of(watch);
  return cursor.empty() ? text : text + "id: " + cursor + "\n\n";
}

void ApiWatches::on_part(const EventsPart& part) {
  const auto found = watches_.find(part.watch);
  if (found == watches_.end()) return;
  Watch& watch = found->second;
  Watch::Place& place = watch.places[part.shard];
  place.has_to_be_asked = true;
  place.is_done = part.is_end && !watch.follows;
  net::HttpResponder client = watch.responder;  // `watch` goes with a client that is too slow
  client.write(write_lines(watch, part));
  if (!client.is_slow()) return ask_all_waiting(part.watch);
  client.on_drained([this, id = part.watch] { ask_all_waiting(id); });
}

void ApiWatches::ask_all_waiting(std::uint64_t id) {
  const auto found = watches_.find(id);
  if (found == watches_.end() || found->second.responder.is_slow()) return;
  Watch& watch = found->second;
  watch.responder.on_drained(nullptr);
  const bool is_over = std::all_of(watch.places.begin(), watch.places.end(),
                                   [](const Watch::Place& place) { return place.is_done; });
  if (is_over) {
    net::HttpResponder client = watch.responder;
    watches_.erase(found);
    client.end_stream();
    return;
  }
  for (std::uint32_t shard = 0; shard < watch.places.size(); ++shard) {
    const Watch::Place& place = watch.places[shard];
    if (place.has_to_be_asked && !place.is_done) ask(id, watch, shard);
  }
}

void ApiWatches::end(std::uint64_t id) {
  if (watches_.erase(id) == 0) return;
  for (std::uint32_t shard = 0; shard < shard_.config.shards; ++shard) {
    send_(shard, EventsEnd{shard_.config.index, id});
  }
}

void ApiWatches::keep_alive() {
  std::vector<net::HttpResponder> clients;  // writing may end a watch
  for (const auto& [id, watch] : watches_) {
    if (!watch.responder.is_slow()) clients.push_back(watch.responder);
  }
  for (net::HttpResponder& client : clients) client.write(": here\n\n");
}

}  // namespace shoal::master
