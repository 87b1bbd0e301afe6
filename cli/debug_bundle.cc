#include "cli/debug_bundle.h"

#include <fmt/core.h>
#include <sys/utsname.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "cli/agent_http.h"
#include "cli/exit_code.h"
#include "cli/lookup.h"
#include "cli/masters.h"
#include "cli/status_line.h"
#include "cli/tar_gz.h"
#include "cli/terminal.h"
#include "cli/version.h"
#include "core/ids.h"
#include "core/status.h"
#include "core/text.h"
#include "master/json_writer.h"
#include "net/clock.h"
#include "net/reactor.h"
#include "net/whole_file.h"
#include "sdk/operator_client.h"

namespace shoal::cli {
namespace {

// Answers that are in memory at once, 64 MiB each at most.
constexpr std::size_t kAtOnce = 8;
constexpr std::size_t kMaxToldFailures = 20;

// What is worth knowing of the machine that asks.
std::string describe_system() {
  std::string text;
  utsname names{};
  if (::uname(&names) == 0) {
    text +=
        fmt::format("{} {} {} {}\n", names.sysname, names.release, names.version, names.machine);
  }
  for (const char* path : {"/etc/os-release", "/proc/loadavg", "/proc/meminfo", "/proc/self/limits",
                           "/proc/self/cgroup"}) {
    const auto contents = net::read_whole_file(path, std::size_t{64} * 1024);
    text += fmt::format(
        "\n== {}\n{}", path,
        contents.ok() ? *contents : std::string(core::message_of(contents.status())) + "\n");
  }
  return text;
}

class Bundle {
 public:
  Bundle(TarGzWriter& archive, net::Reactor& reactor, std::string prefix)
      : archive_(archive), reactor_(reactor), prefix_(std::move(prefix)) {}

  absl::Status add(const std::string& name, std::string_view contents, const std::string& from) {
    results_.push_back({name, from, 0, contents.size(), ""});
    return archive_.add(prefix_ + name, contents, wall_s_);
  }

  // All of them, some at a time. `about`: whose they are, for the status line.
  absl::Status gather(const std::vector<Piece>& pieces, std::string_view about) {
    for (std::size_t begin = 0; begin < pieces.size(); begin += kAtOnce) {
      line_->show_briefly(fmt::format("{} {}", progress_bar(begin, pieces.size()), about));
      const std::size_t end = std::min(begin + kAtOnce, pieces.size());
      std::vector<AgentQuestion> questions;
      for (std::size_t i = begin; i < end; ++i) {
        questions.push_back({pieces[i].address, pieces[i].target});
      }
      const auto answers = fetch(reactor_, questions);
      for (std::size_t i = begin; i < end; ++i) {
        if (absl::Status kept = keep(pieces[i], answers[i - begin]); !kept.ok()) return kept;
      }
    }
    return absl::OkStatus();
  }

  // Something of the cluster that there is no page of.
  void miss(const std::string& name, const absl::Status& why) {
    results_.push_back({name, "", 0, 0, std::string(core::message_of(why))});
    told_.push_back(fmt::format("{}: {}", name, core::message_of(why)));
  }

  // What is in it and what is not, also on stderr.
  absl::Status finish(const std::string& masters) {
    const std::string manifest = manifest_json(masters, wall_s_ * 1000, results_);
    if (absl::Status added = archive_.add(prefix_ + "manifest.json", manifest, wall_s_);
        !added.ok()) {
      return added;
    }
    line_.reset();
    const std::size_t shown = std::min(told_.size(), kMaxToldFailures);
    for (std::size_t i = 0; i < shown; ++i) say(fmt::format("not in the bundle: {}", told_[i]));
    if (told_.size() > shown) {
      say(fmt::format("not in the bundle: {} more; manifest.json has them all",
                      told_.size() - shown));
    }
    return archive_.finish();
  }

  std::size_t pieces() const {
    return static_cast<std::size_t>(std::count_if(
        results_.begin(), results_.end(), [](const auto& result) { return result.error.empty(); }));
  }

 private:
  absl::Status keep(const Piece& piece, const absl::StatusOr<net::HttpAnswer>& answer) {
    PieceResult result{piece.name, fmt::format("http://{}{}", piece.address, piece.target), 0, 0,
                       ""};
    if (!answer.ok()) {
      result.error = std::string(core::message_of(answer.status()));
    } else {
      result.status = answer->status;
      // 503 of /readyz says why.
      const bool is_worth_it = answer->status == 200 || answer->status == 503;
      if (!is_worth_it) result.error = fmt::format("it answered {}", answer->status);
    }
    results_.push_back(result);
    if (!result.error.empty()) {
      if (!piece.may_miss || !answer.ok()) {
        told_.push_back(fmt::format("{}: {}", piece.name, result.error));
      }
      return absl::OkStatus();
    }
    results_.back().bytes = answer->body.size();
    return archive_.add(prefix_ + piece.name, answer->body, wall_s_);
  }

  TarGzWriter& archive_;
  net::Reactor& reactor_;
  const std::string prefix_;
  const std::int64_t wall_s_ = net::wall_now_ms() / 1000;
  std::optional<StatusLine> line_{std::in_place};
  std::vector<PieceResult> results_;
  std::vector<std::string> told_;
};

// "20261126-140507"
std::string stamp() {
  std::string time = master::iso_time(net::wall_now_ms()).substr(0, 19);
  std::erase_if(time, [](char c) { return c == '-' || c == ':'; });
  std::replace(time.begin(), time.end(), 'T', '-');
  return time;
}

// The standbys too, if the one that leads names them.
absl::Status add_masters(Bundle& bundle, const DebugBundleVerb& verb, const std::string& leader) {
  if (absl::Status done = bundle.gather(leader_pieces(leader), "the master"); !done.ok()) {
    return done;
  }
  const auto rows = list_masters(verb.master);
  if (!rows.ok()) {
    bundle.miss("masters", rows.status());
    return absl::OkStatus();
  }
  std::vector<Piece> pieces;
  for (const MasterRow& row : *rows) {
    if (row.state == "leader") continue;
    for (Piece& piece : standby_pieces(row.address)) pieces.push_back(std::move(piece));
  }
  return bundle.gather(pieces, "masters that stand by");
}

absl::Status add_agents(Bundle& bundle, const DebugBundleVerb& verb) {
  auto client = sdk::OperatorClient::create(verb.master);
  if (!client.ok()) return client.status();
  const auto view = (*client)->query(core::QueryKind::kAgents);
  if (!view.ok()) {
    bundle.miss("agents", view.status());
    return absl::OkStatus();
  }
  std::vector<Piece> pieces;
  std::size_t left = verb.agents;
  for (const core::AgentSummary& agent : view->agents) {
    const std::string id = core::to_string(agent.id);
    if (agent.state != core::AgentState::kActive) {
      bundle.miss("agents/" + id, absl::UnavailableError(
                                      fmt::format("the agent is {}", core::name_of(agent.state))));
    } else if (left > 0) {
      --left;
      for (Piece& piece : agent_pieces(id, agent.address)) pieces.push_back(std::move(piece));
    }
  }
  return bundle.gather(pieces, "agents");
}

absl::Status add_client(Bundle& bundle, const DebugBundleVerb& verb) {
  if (absl::Status done = bundle.add("client/version.json", to_json(version_info()), "here");
      !done.ok()) {
    return done;
  }
  if (absl::Status done = bundle.add("client/configuration.toml", verb.settings, "here");
      !done.ok()) {
    return done;
  }
  return bundle.add("client/system.txt", describe_system(), "here");
}

struct Source {
  const char* file;
  const char* target;
  bool may_miss = false;
};

std::vector<Piece> pieces_of(const std::string& folder, const std::string& address,
                             std::initializer_list<Source> pages) {
  std::vector<Piece> pieces;
  for (const Source& page : pages) {
    pieces.push_back({folder + "/" + page.file, address, page.target, page.may_miss});
  }
  return pieces;
}

}  // namespace

std::vector<Piece> leader_pieces(const std::string& address) {
  return pieces_of("master", address,
                   {{"version.json", "/version"},
                    {"readyz.txt", "/readyz?verbose"},
                    {"metrics.txt", "/metrics"},
                    {"masters.json", "/v1/masters", true},
                    {"cluster.json", "/v1/cluster"},
                    {"reactors.json", "/v1/reactors"},
                    {"registry.json", "/v1/registry"},
                    {"roles.json", "/v1/roles"},
                    {"quotas.json", "/v1/quotas"},
                    {"weights.json", "/v1/weights"},
                    {"agents.json", "/v1/agents?limit=10000"},
                    {"frameworks.json", "/v1/frameworks?limit=10000"},
                    {"offers.json", "/v1/offers?limit=10000"},
                    {"tasks.json", "/v1/tasks?limit=10000"},
                    {"events.txt", "/v1/events?since=oldest&follow=false"},
                    {"flight.json", "/v1/debug/flight", true}});
}

std::vector<Piece> standby_pieces(const std::string& address) {
  std::string folder = "standby/" + address;
  std::replace(folder.begin(), folder.end(), ':', '_');
  return pieces_of(folder, address,
                   {{"version.json", "/version"},
                    {"readyz.txt", "/readyz?verbose"},
                    {"metrics.txt", "/metrics"}});
}

std::vector<Piece> agent_pieces(const std::string& id, const std::string& address) {
  return pieces_of("agents/" + id, address,
                   {{"health.json", "/health"},
                    {"readyz.txt", "/readyz?verbose", true},
                    {"version.json", "/version", true},
                    {"metrics.txt", "/metrics"},
                    {"usage.json", "/v1/usage"},
                    {"flight.json", "/v1/debug/flight", true}});
}

std::string manifest_json(const std::string& masters, std::int64_t wall_ms,
                          const std::vector<PieceResult>& results) {
  master::Buffer buffer;
  master::Writer writer(buffer);
  writer.StartObject();
  master::put_time(writer, "created", wall_ms);
  master::put(writer, "master", masters);
  master::put(writer, "shoal", version_info().version);
  master::put_key(writer, "pieces");
  writer.StartArray();
  for (const PieceResult& result : results) {
    writer.StartObject();
    master::put(writer, "name", result.name);
    master::put(writer, "from", result.from);
    master::put(writer, "status", static_cast<std::int64_t>(result.status));
    master::put(writer, "bytes", static_cast<std::int64_t>(result.bytes));
    master::put(writer, "error", result.error);
    writer.EndObject();
  }
  writer.EndArray();
  writer.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

int run_debug_bundle(const DebugBundleVerb& verb) {
  const std::string name = "shoal-debug-" + stamp();
  const std::string file = verb.file.empty() ? name + ".tar.gz" : verb.file;
  auto reactor = net::Reactor::create(0);
  if (!reactor.ok()) return report(reactor.status());
  auto archive = TarGzWriter::create(file);
  if (!archive.ok()) return report(archive.status());
  Bundle bundle(**archive, **reactor, name + "/");
  absl::Status done = add_client(bundle, verb);
  const absl::StatusOr<std::string> leader = find_leader(verb.master);
  if (!leader.ok()) bundle.miss("master", leader.status());
  if (done.ok() && leader.ok()) done = add_masters(bundle, verb, *leader);
  if (done.ok() && leader.ok()) done = add_agents(bundle, verb);
  if (done.ok()) done = bundle.finish(verb.master);
  if (!done.ok()) return report(done);
  say(fmt::format("{} pieces; look through them before you give them away", bundle.pieces()));
  const int printed = print_output(file + "\n");
  return leader.ok() ? printed : exit_code_of(leader.status());
}

}  // namespace shoal::cli
