#include "cli/masters.h"

#include <fmt/core.h>
#include <poll.h>
#include <rapidjson/document.h>

#include <optional>
#include <utility>

#include "cli/exit_code.h"
#include "cli/json_reader.h"
#include "cli/lookup.h"
#include "cli/page.h"
#include "cli/table.h"
#include "core/limits.h"
#include "core/status.h"
#include "core/text.h"
#include "master/json_writer.h"
#include "net/address.h"
#include "net/clock.h"
#include "net/http_client.h"
#include "net/leader_query.h"
#include "net/master_list.h"
#include "net/reactor.h"
#include "sdk/election_patience.h"

namespace shoal::cli {
namespace {

using master::Buffer;
using master::put;
using master::put_time;
using master::Writer;

constexpr std::string_view kHttp = "http://";
constexpr core::Duration kHandOverTimeout = std::chrono::seconds(10);
constexpr int kLookAgainMs = 20;
constexpr std::chrono::milliseconds kAskAgain{200};

bool parse(const std::string& json, rapidjson::Document& document) {
  document.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
  return !document.HasParseError();
}

// One question to one master, blocking.
absl::StatusOr<net::HttpAnswer> ask_once(const std::string& address, const std::string& target,
                                         const std::string& json) {
  const absl::StatusOr<net::HostPort> server = net::parse_host_port(address);
  if (!server.ok()) return server.status();
  absl::StatusOr<std::unique_ptr<net::Reactor>> reactor = net::Reactor::create(0);
  if (!reactor.ok()) return reactor.status();
  std::optional<absl::StatusOr<net::HttpAnswer>> answer;
  net::HttpCallOptions options;
  options.json = json;
  const net::HttpCall call(**reactor, *server, target, options,
                           [&](absl::StatusOr<net::HttpAnswer> told) {
                             answer = std::move(told);
                             (*reactor)->stop();
                           });
  if (!answer.has_value()) (*reactor)->run();
  return *std::move(answer);
}

// HOST:PORT of "http://HOST:PORT/…"; "" of anything else.
std::string address_in(std::string_view location) {
  if (!location.starts_with(kHttp)) return "";
  location.remove_prefix(kHttp.size());
  return std::string(location.substr(0, location.find('/')));
}

struct Leader {
  std::string address;
  net::HttpAnswer answer;
};

// The same, and on to the leader that a standby names. Errors: ABORTED (that one does not answer
// what may be asked again).
absl::StatusOr<Leader> ask_leader_from(std::string address, const std::string& target,
                                       const std::string& json) {
  for (int i = 0; i <= core::kMaxRedirects; ++i) {
    absl::StatusOr<net::HttpAnswer> answer = ask_once(address, target, json);
    if (!answer.ok()) {
      const bool may_ask_again = i > 0 && json.empty();
      return may_ask_again ? absl::AbortedError(answer.status().message()) : answer.status();
    }
    if (answer->status != 307) return Leader{address, *std::move(answer)};
    address = address_in(answer->header("location"));
  }
  return absl::AbortedError("the masters name each other as the leader");
}

// Errors: NOT_FOUND (etcd answers, and nobody leads), and those of LeaderQuery.
absl::StatusOr<std::vector<std::string>> addresses_of(const net::MasterList& list) {
  std::vector<std::string> all;
  for (const net::HostPort& address : list.addresses) all.push_back(address.to_string());
  if (!list.etcd.has_value()) return all;
  absl::StatusOr<std::unique_ptr<net::Reactor>> reactor = net::Reactor::create(0);
  if (!reactor.ok()) return reactor.status();
  std::optional<absl::StatusOr<net::HostPort>> leader;
  const net::LeaderQuery query(**reactor, *list.etcd, [&](absl::StatusOr<net::HostPort> found) {
    leader = std::move(found);
    (*reactor)->stop();
  });
  if (!leader.has_value()) (*reactor)->run();
  if (!leader->ok()) return leader->status();
  all.push_back((*leader)->to_string());
  return all;
}

// Whichever of `list` answers first leads there. Errors: UNAVAILABLE, ABORTED (there are masters,
// and none leads, or the one that does is gone: nothing was done), NOT_FOUND (likewise, says etcd),
// FAILED_PRECONDITION (what the leader refuses).
absl::StatusOr<Leader> ask_leader_once(const net::MasterList& list, const std::string& target,
                                       const std::string& json) {
  const absl::StatusOr<std::vector<std::string>> addresses = addresses_of(list);
  if (!addresses.ok()) return addresses.status();
  absl::Status why = absl::UnavailableError("no master is named");
  bool met_standby = list.etcd.has_value() && json.empty();  // it has named somebody
  for (const std::string& address : *addresses) {
    absl::StatusOr<Leader> leader = ask_leader_from(address, target, json);
    if (leader.ok() && leader->answer.status == 200) return leader;
    if (!leader.ok()) {
      why = leader.status();
      met_standby = met_standby || absl::IsAborted(why);
      continue;
    }
    const std::string said = error_of(leader->answer.body);
    const std::string text = said.empty() ? fmt::format("the master at {} answered {}",
                                                        leader->address, leader->answer.status)
                                          : core::printable(said, 300);
    if (leader->answer.status != 503) return absl::FailedPreconditionError(text);
    why = absl::UnavailableError(text);
    met_standby = true;
  }
  return met_standby ? absl::AbortedError(why.message()) : why;
}

// While masters are there and none leads it goes on for `patience`: an election takes a few
// seconds.
absl::StatusOr<Leader> ask_leader(const std::string& masters, const std::string& target,
                                  const std::string& json, core::Duration patience) {
  const absl::StatusOr<net::MasterList> list = net::parse_master_list(masters);
  if (!list.ok()) return list.status();
  sdk::ElectionPatience election(*list, patience);
  while (true) {
    absl::StatusOr<Leader> leader = ask_leader_once(*list, target, json);
    if (leader.ok() || absl::IsFailedPrecondition(leader.status())) return leader;
    if (absl::IsAborted(leader.status())) election.met_standby();
    if (!election.goes_on({}, leader.status(), kAskAgain, net::monotonic_now())) {
      return election.failure("master", leader.status());
    }
    ::poll(nullptr, 0, static_cast<int>(kAskAgain.count()));
  }
}

// "" as long as nobody but `before` leads, and serves.
std::string leader_after(const std::string& before) {
  const absl::StatusOr<net::HttpAnswer> answer = ask_once(before, "/redirect", "");
  if (!answer.ok() || answer->status != 307) return "";
  std::string leader = address_in(answer->header("location"));
  if (leader == before) return "";
  const absl::StatusOr<net::HttpAnswer> ready = ask_once(leader, "/readyz", "");
  return ready.ok() && ready->status == 200 ? leader : "";
}

void put_master(Writer& writer, const MasterRow& row) {
  writer.StartObject();
  put(writer, "id", row.id);
  put(writer, "address", row.address);
  put(writer, "state", row.state);
  put_time(writer, "since", row.since_ms);
  put(writer, "version", row.version);
  put(writer, "epoch", static_cast<std::int64_t>(row.epoch));
  writer.EndObject();
}

}  // namespace

absl::StatusOr<std::string> find_leader(const std::string& masters, core::Duration patience) {
  const absl::StatusOr<Leader> leader = ask_leader(masters, "/masters", "", patience);
  if (!leader.ok()) return leader.status();
  return leader->address;
}

absl::StatusOr<std::vector<MasterRow>> list_masters(const std::string& masters) {
  const absl::StatusOr<Leader> leader = ask_leader(masters, "/masters", "", sdk::kElectionPatience);
  if (!leader.ok()) return leader.status();
  return read_masters(leader->answer.body);
}

absl::StatusOr<std::vector<MasterRow>> read_masters(const std::string& json) {
  rapidjson::Document document;
  const rapidjson::Value* list = parse(json, document) ? member(document, "masters") : nullptr;
  if (list == nullptr || !list->IsArray()) {
    return absl::InternalError("the master's answer is no list of masters");
  }
  std::vector<MasterRow> rows;
  for (const rapidjson::Value& entry : list->GetArray()) {
    rows.push_back({text_of(entry, "id"), text_of(entry, "address"), text_of(entry, "state"),
                    text_of(entry, "version"),
                    static_cast<std::int64_t>(count_of(entry, "since_ms")),
                    count_of(entry, "epoch")});
  }
  return rows;
}

std::string render_masters(const std::vector<MasterRow>& rows, const Terminal& terminal) {
  Table table(
      {{"ID"}, {"ADDRESS"}, {"STATE"}, {"SINCE"}, {"VERSION"}, {"EPOCH", Table::Align::kRight}});
  for (const MasterRow& row : rows) {
    table.add_row({row.id.empty() ? "-" : row.id,
                   row.address,
                   {row.state, row.state == "leader" ? Colour::kGreen : Colour::kNone},
                   master::iso_time(row.since_ms),
                   row.version,
                   row.epoch == 0 ? "-" : std::to_string(row.epoch)});
  }
  return table.render(terminal);
}

std::string masters_to_json(const std::vector<MasterRow>& rows, OutputFormat format) {
  std::string out;
  if (format == OutputFormat::kName) {
    for (const MasterRow& row : rows) out += row.address + "\n";
    return out;
  }
  if (format == OutputFormat::kJsonLines) {
    for (const MasterRow& row : rows) {
      Buffer buffer;
      Writer writer(buffer);
      put_master(writer, row);
      out += std::string(buffer.GetString(), buffer.GetSize()) + "\n";
    }
    return out;
  }
  Buffer buffer;
  Writer writer(buffer);
  writer.StartArray();
  for (const MasterRow& row : rows) put_master(writer, row);
  writer.EndArray();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

int run_masters(const MastersVerb& verb) {
  return show(verb.watch, verb.format, [&verb](const Terminal& terminal) -> absl::StatusOr<Page> {
    const absl::StatusOr<std::vector<MasterRow>> rows = list_masters(verb.master);
    if (!rows.ok()) return rows.status();
    return Page{.text = verb.format == OutputFormat::kTable ? render_masters(*rows, terminal)
                                                            : masters_to_json(*rows, verb.format)};
  });
}

int run_step_down(const StepDownVerb& verb) {
  const absl::StatusOr<Leader> leader =
      ask_leader(verb.master, "/step-down", "{}", sdk::kElectionPatience);
  if (!leader.ok()) return report(leader.status());
  const core::TimePoint begin = net::monotonic_now();
  std::string next;
  while ((next = leader_after(leader->address)).empty()) {
    if (net::monotonic_now() - begin > kHandOverTimeout) {
      return report(absl::DeadlineExceededError(
          fmt::format("{} gave up the lead, and nobody has taken it yet", leader->address)));
    }
    ::poll(nullptr, 0, kLookAgainMs);
  }
  say(fmt::format("{} leads; {} stands by", next, leader->address));
  return kExitOk;
}

}  // namespace shoal::cli
