#include "master/api_reads.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <utility>

#include "core/limits.h"
#include "core/status.h"
#include "core/summary.h"
#include "core/text.h"
#include "master/cluster_json.h"

namespace shoal::master {
namespace {

using core::QueryKind;

// By the names that records are written with; tasks also without "TASK_", in small letters.
template <typename State>
bool find_state(std::string_view name, std::uint8_t count, std::uint64_t* states) {
  for (std::uint8_t i = 0; i < count; ++i) {
    std::string known(core::name_of(static_cast<State>(i)));
    if (known != name) {
      std::transform(known.begin(), known.end(), known.begin(),
                     [](char c) { return static_cast<char>(std::tolower(c)); });
      if (known.rfind("task_", 0) == 0) known.erase(0, 5);
    }
    if (known != name) continue;
    *states |= std::uint64_t{1} << i;
    return true;
  }
  return false;
}

bool find_state_of(QueryKind kind, std::string_view name, std::uint64_t* states) {
  switch (kind) {
    case QueryKind::kAgents:
      return find_state<core::AgentState>(name, core::kAgentStates, states);
    case QueryKind::kFrameworks:
      return find_state<core::FrameworkState>(name, core::kFrameworkStates, states);
    default:
      return find_state<core::TaskState>(name, core::kTaskStates, states);
  }
}

// A position as text that needs no escape in a URL: shards ~ shard ~ ended ~ agent ~ framework ~
// sequence ~ task. Ids of tasks have no '~'.
constexpr std::size_t kCursorParts = 7;

std::string print_cursor(std::uint32_t shards, std::uint32_t shard, const core::PageStart& start) {
  return fmt::format("{}~{}~{}~{:x}~{:x}~{}~{}", shards, shard, start.ended ? 1 : 0,
                     start.agent.value, start.framework.value, start.sequence, start.task);
}

bool parse_hex(std::string_view text, std::uint64_t* value) {
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), *value, 16);
  return error == std::errc() && stop == text.data() + text.size() && !text.empty();
}

}  // namespace

const ApiReads::Collection* ApiReads::find_collection(std::string_view name) {
  static const std::array<Collection, 7> kCollections = {{
      {"agents", QueryKind::kAgents, RecordShape::kWhole, {"state", "mode", "hostname"}},
      {"frameworks", QueryKind::kFrameworks, RecordShape::kWhole, {"state", "role"}},
      {"tasks",
       QueryKind::kTasks,
       RecordShape::kWhole,
       {"id", "state", "framework", "agent", "role", "hostname"}},
      {"offers",
       QueryKind::kOffers,
       RecordShape::kWhole,
       {"framework", "agent", "role", "hostname"}},
      {"roles", QueryKind::kRoles, RecordShape::kWhole, {}},
      {"quotas", QueryKind::kRoles, RecordShape::kQuota, {}},
      {"weights", QueryKind::kRoles, RecordShape::kWeight, {}},
  }};
  for (const Collection& each : kCollections) {
    if (each.name == name) return &each;
  }
  return nullptr;
}

absl::Status ApiReads::narrow(const QueryParameters& parameters, Read& read) const {
  core::PageFilter& filter = read.ask.query.filter;
  if (const std::string id = parameters.text("id"); !id.empty()) filter.id = id;
  filter.role = parameters.text("role");
  filter.hostname = parameters.text("hostname");
  read.ask.fields = parameters.list("fields");
  for (const std::string& state : parameters.list("state")) {
    if (!find_state_of(read.what->kind, state, &filter.states)) {
      return core::invalid("'{}' is no state of {}", core::printable(state), read.what->name);
    }
  }
  if (const std::string mode = parameters.text("mode"); !mode.empty()) {
    for (std::uint8_t i = 0; i < core::kAgentModes; ++i) {
      const auto known = static_cast<core::AgentMode>(i);
      if (core::name_of(known) == mode) filter.mode = known;
    }
    if (!filter.mode) return core::invalid("'{}' is no mode of agents", core::printable(mode));
  }
  if (absl::Status id = parameters.read("agent", &filter.agent); !id.ok()) return id;
  if (absl::Status id = parameters.read("framework", &filter.framework); !id.ok()) return id;
  if (const std::string text = parameters.text("limit"); !text.empty()) {
    std::size_t limit = 0;
    if (!core::parse_int(text, &limit) || limit < 1 || limit > core::kMaxApiPage) {
      return core::invalid("limit must be from 1 to {}", core::kMaxApiPage);
    }
    read.left = limit;
  }
  go_straight(read);
  if (const std::string cursor = parameters.text("cursor"); !cursor.empty()) {
    return take_cursor(cursor, read);
  }
  return absl::OkStatus();
}

// Tasks and offers of one agent are on one shard; roles are on the first.
void ApiReads::go_straight(Read& read) const {
  const core::PageFilter& filter = read.ask.query.filter;
  const bool is_of_agent =
      read.what->kind == QueryKind::kTasks || read.what->kind == QueryKind::kOffers;
  if (is_of_agent && filter.agent.valid()) {
    read.shard = shard_.home_of(filter.agent);
    read.end_shard = read.shard + 1;
    if (read.what->kind == QueryKind::kOffers) {
      read.ask.query.start.agent = core::AgentId{filter.agent.value - 1};
    }
  }
  if (read.what->kind == QueryKind::kRoles) read.end_shard = 1;
}

absl::Status ApiReads::take_cursor(std::string_view cursor, Read& read) const {
  const std::vector<std::string_view> parts = core::split(cursor, '~');
  core::PageStart start;
  std::uint32_t shards = 0;
  int ended = 0;
  const bool is_sound =
      parts.size() == kCursorParts && core::parse_int(parts[0], &shards) &&
      core::parse_int(parts[1], &read.shard) && core::parse_int(parts[2], &ended) &&
      parse_hex(parts[3], &start.agent.value) && parse_hex(parts[4], &start.framework.value) &&
      core::parse_int(parts[5], &start.sequence) && read.shard < read.end_shard;
  if (!is_sound) return core::invalid("the cursor is none that an earlier answer gave");
  if (shards != shard_.config.shards) {
    return core::invalid("the cursor is of a master with other reactors; read from the start");
  }
  start.ended = ended != 0;
  start.task = parts[6];
  read.ask.query.start = std::move(start);
  return absl::OkStatus();
}

std::string ApiReads::cursor_of(const Read& read) const {
  return print_cursor(shard_.config.shards, read.shard, read.ask.query.start);
}

void ApiReads::list(const Collection& what, const net::HttpRequest& request,
                    const net::HttpResponder& responder) {
  std::vector<std::string_view> known = what.parameters;
  known.insert(known.end(), {"fields", "limit", "cursor"});
  const absl::StatusOr<QueryParameters> parameters = QueryParameters::parse(request, known);
  Read read;
  read.responder = responder;
  read.what = &what;
  read.ask.query.kind = what.kind;
  read.ask.shape = what.shape;
  read.end_shard = shard_.config.shards;
  absl::Status sound = parameters.status();
  if (sound.ok()) sound = narrow(*parameters, read);
  net::HttpResponder answer = responder;
  if (!sound.ok()) {
    answer.respond(api_error(sound));
    return;
  }
  start(std::move(read));
}

void ApiReads::get(const Collection& what, std::string_view id, const net::HttpRequest& request,
                   const net::HttpResponder& responder) {
  const bool is_task = what.kind == QueryKind::kTasks;
  std::vector<std::string_view> known = {"fields"};
  if (is_task) known.insert(known.end(), {"framework", "agent"});
  const absl::StatusOr<QueryParameters> parameters = QueryParameters::parse(request, known);
  Read read;
  read.responder = responder;
  read.what = &what;
  read.is_single = true;
  read.ask.query.kind = what.kind;
  read.ask.query.filter.id = id;
  read.ask.shape = what.shape;
  read.end_shard = shard_.config.shards;
  absl::Status sound = parameters.status();
  if (sound.ok()) sound = narrow(*parameters, read);
  // Agents and frameworks are where their ids say.
  if (sound.ok() && what.kind == QueryKind::kAgents) {
    const absl::StatusOr<core::AgentId> agent = core::parse_agent_id(id);
    sound = agent.status();
    if (agent.ok()) {
      read.shard = shard_.home_of(*agent);
      read.ask.query.filter.agent = *agent;
      read.ask.query.start.agent = core::AgentId{agent->value - 1};
    }
  } else if (sound.ok() && what.kind == QueryKind::kFrameworks) {
    const absl::StatusOr<core::FrameworkId> framework = core::parse_framework_id(id);
    sound = framework.status();
    if (framework.ok()) {
      read.shard = shard_.home_of(*framework);
      read.ask.query.start.framework = core::FrameworkId{framework->value - 1};
    }
  }
  net::HttpResponder answer = responder;
  if (!sound.ok()) {
    answer.respond(api_error(sound));
    return;
  }
  if (what.kind == QueryKind::kAgents || what.kind == QueryKind::kFrameworks) {
    read.end_shard = read.shard + 1;
  }
  start(std::move(read));
}

void ApiReads::get_cluster(const net::HttpResponder& responder) {
  Read read;
  read.responder = responder;
  read.ask.query.kind = QueryKind::kCluster;
  read.end_shard = shard_.config.shards;
  start(std::move(read));
}

void ApiReads::start(Read read) {
  if (reads_.size() >= core::kMaxApiReads) {
    read.responder.respond(
        api_error(503, "overloaded", fmt::format("{} reads are under way", reads_.size())));
    return;
  }
  const std::uint64_t id = ++last_id_;
  read.ask.origin = shard_.config.index;
  read.ask.read = id;
  read.responder.on_closed([this, id] { reads_.erase(id); });
  reads_.emplace(id, std::move(read));
  ask_next(id);
}

void ApiReads::ask_next(std::uint64_t id) {
  const auto found = reads_.find(id);
  if (found == reads_.end()) return;
  Read& read = found->second;
  PageAsk ask = read.ask;
  ask.query.most = core::kApiRecordsPerTurn;
  if (read.left.has_value()) ask.query.most_wanted = *read.left;
  send_(read.shard, std::move(ask));
}

void ApiReads::on_part(PagePart part) {
  const std::uint64_t id = part.read;
  const auto found = reads_.find(id);
  if (found == reads_.end()) return;
  Read& read = found->second;
  core::merge(read.cluster, part.cluster);
  if (read.left.has_value()) *read.left -= std::min(*read.left, part.records);
  if (part.next.has_value()) {
    read.ask.query.start = *std::move(part.next);
  } else {
    ++read.shard;
    read.ask.query.start = {};
  }
  const bool is_last = read.shard >= read.end_shard || read.left == std::size_t{0};
  // The shard reads on while this part is written.
  const bool is_ahead = !is_last && !read.responder.is_slow();
  if (is_ahead) ask_next(id);
  write(read, part);
  if (is_ahead || !reads_.contains(id)) return;  // or the client was too slow, or has gone
  if (is_last) return finish(id, read.shard >= read.end_shard ? "" : cursor_of(read));
  read.responder.on_drained([this, id] {
    const auto waiting = reads_.find(id);
    if (waiting == reads_.end() || waiting->second.responder.is_slow()) return;
    waiting->second.responder.on_drained(nullptr);
    ask_next(id);
  });
}

void ApiReads::write(Read& read, const PagePart& part) {
  if (part.records == 0) return;
  const bool is_first = read.records == 0;
  read.records += part.records;
  if (read.is_single) {
    read.text = part.text;
    return;
  }
  net::HttpResponder responder = read.responder;  // `read` goes with a client that is too slow
  if (is_first) {
    net::HttpResponse head;
    head.body = fmt::format("{{\"{}\":[\n", read.what->name);
    responder.begin_stream(head);
  } else {
    responder.write(",\n");
  }
  responder.write(part.text);
}

void ApiReads::finish(std::uint64_t id, const std::string& cursor) {
  auto node = reads_.extract(id);
  Read& read = node.mapped();
  net::HttpResponse response;
  if (read.what == nullptr) {
    Buffer buffer;
    Writer writer(buffer);
    put_object(writer, read.cluster);
    response.body = std::string(buffer.GetString(), buffer.GetSize()) + "\n";
    read.responder.respond(response);
  } else if (read.is_single && read.records == 1) {
    response.body = read.text + "\n";
    read.responder.respond(response);
  } else if (read.is_single) {
    const std::string& wanted = read.ask.query.filter.id;
    read.responder.respond(
        read.records == 0
            ? api_error(404, "not_found", fmt::format("{} has no {}", read.what->name, wanted))
            : api_error(409, "ambiguous",
                        fmt::format("{} tasks have the id {}: name the ?framework=, or list them "
                                    "with /v1/tasks?id={}",
                                    read.records, wanted, wanted)));
  } else {
    const std::string next = cursor.empty() ? "null" : "\"" + cursor + "\"";
    if (read.records == 0) {
      response.body = fmt::format("{{\"{}\":[],\"next\":{}}}\n", read.what->name, next);
      read.responder.respond(response);
      return;
    }
    read.responder.write(fmt::format("\n],\"next\":{}}}\n", next));
    read.responder.end_stream();
  }
}

}  // namespace shoal::master
