#include "cli/events.h"

#include <fmt/core.h>
#include <rapidjson/document.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "cli/event_stream.h"
#include "cli/exit_code.h"
#include "cli/json_reader.h"
#include "cli/masters.h"
#include "cli/terminal.h"
#include "core/limits.h"
#include "core/status.h"
#include "core/text.h"
#include "net/backoff.h"
#include "net/http_client.h"
#include "net/random.h"
#include "net/reactor.h"
#include "net/timer.h"

namespace shoal::cli {
namespace {

// The master gives a sign of life more often.
constexpr core::Duration kSilence = core::kApiKeepAlive * 3;

// "a-… (node-7) is unreachable": what the event says, less its time and type.
std::string sentence_of(const rapidjson::Document& event, std::string_view type) {
  const auto text = [&event](const char* key) {
    return core::printable(text_of(event, key), core::kMaxEventTextBytes);
  };
  if (type == "agent") {
    const std::string mode = text("mode");
    return fmt::format("{} ({}) is {}{}", text("agent"), text("hostname"), text("state"),
                       mode == "normal" ? "" : ", " + mode);
  }
  if (type == "framework") {
    return fmt::format("{} ({}) is {}", text("framework"), text("name"), text("state"));
  }
  if (type == "role") return text("role") + " has another weight or quota";
  if (type == "operation") {
    return fmt::format("{} on {} is {}", text("operation"), text("agent"), text("state"));
  }
  if (type == "restarted") return "the master was started anew; what it tells begins there";
  if (type == "lost") return "events were dropped: there were more than are kept";
  std::string out = fmt::format("{} is {} on {}", text("task"), text("state"), text("agent"));
  for (const char* why : {"reason", "message"}) {
    if (const std::string said = text(why); !said.empty()) out += ", " + said;
  }
  return out;
}

std::string target_of(const EventsVerb& verb, const std::string& since) {
  std::string target = fmt::format("/v1/events?follow={}&since={}", verb.follow ? "true" : "false",
                                   net::percent_encode(since));
  const auto add = [&target](std::string_view name, const std::string& value) {
    if (!value.empty()) target += fmt::format("&{}={}", name, net::percent_encode(value));
  };
  add("types", verb.types);
  add("task", verb.task);
  add("agent", verb.agent);
  add("framework", verb.framework);
  return target;
}

std::string time_of(const std::string& json) {
  rapidjson::Document event;
  event.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
  return event.HasParseError() ? "" : text_of(event, "time");
}

// Watches until there is no more to see, coming back to a master that went away.
class Watching {
 public:
  Watching(net::Reactor& reactor, const EventsVerb& verb)
      : reactor_(reactor),
        verb_(verb),
        stream_([this](const StreamedEvent& event) { show(event); }),
        since_(verb.follow && !verb.from_start ? "" : "oldest"),
        backoff_(net::random_seed()),
        retry_(reactor, [this] { begin(); }) {}

  absl::Status run() {
    begin();
    if (!is_over_) reactor_.run();
    return result_;
  }

 private:
  void begin() {
    net::HttpCallOptions options;
    options.timeout = kSilence;
    options.on_body = [this](std::string_view part) {
      has_been_there_ = true;
      backoff_.reset();
      if (absl::Status read = stream_.feed(part); !read.ok()) end(read);
    };
    const absl::StatusOr<net::HostPort> leader = find();
    if (!leader.ok()) return on_end(leader.status());
    call_ = std::make_unique<net::HttpCall>(
        reactor_, *leader, target_of(verb_, since_), options,
        [this](absl::StatusOr<net::HttpAnswer> answer) { on_end(std::move(answer)); });
  }

  absl::StatusOr<net::HostPort> find() const {
    const absl::StatusOr<std::string> leader = find_leader(verb_.master);
    if (!leader.ok()) return leader.status();
    return net::parse_host_port(*leader);
  }

  void on_end(absl::StatusOr<net::HttpAnswer> answer) {
    if (answer.ok() && answer->status != 200) {
      const std::string why = error_of(answer->body);
      return end(absl::InvalidArgumentError(why.empty() ? "the master does not know events" : why));
    }
    if (answer.ok() && !verb_.follow) {
      print_in_order();
      return end(result_);
    }
    if (!verb_.follow || !has_been_there_) {
      return end(answer.ok() ? absl::UnavailableError("the master ended the stream")
                             : answer.status());
    }
    if (!stream_.last_id().empty()) since_ = stream_.last_id();
    say(fmt::format("{} went away; looking again", verb_.master));
    retry_.start(backoff_.next());
  }

  void show(const StreamedEvent& event) {
    const bool is_table = verb_.format == OutputFormat::kTable;
    const std::string line = is_table ? describe_event(event.data) : event.data + "\n";
    if (!verb_.follow) {
      shown_.emplace_back(time_of(event.data), line);
    } else {
      print(line);
    }
  }

  // Each reactor of the master tells its own events in order; here they are one list.
  void print_in_order() {
    std::stable_sort(shown_.begin(), shown_.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    for (const auto& [time, line] : shown_) print(line);
  }

  void print(std::string_view line) {
    if (absl::Status written = write_fully(STDOUT_FILENO, line); !written.ok()) {
      end(absl::IsCancelled(written) ? absl::OkStatus() : written);
    }
  }

  void end(absl::Status result) {
    if (result_.ok()) result_ = std::move(result);
    is_over_ = true;
    reactor_.stop();
  }

  net::Reactor& reactor_;
  const EventsVerb& verb_;
  EventStream stream_;
  std::vector<std::pair<std::string, std::string>> shown_;  // time and line, until the end
  std::string since_;
  bool has_been_there_ = false;
  bool is_over_ = false;
  net::Backoff backoff_;
  net::Timer retry_;
  std::unique_ptr<net::HttpCall> call_;
  absl::Status result_;
};

}  // namespace

std::string describe_event(std::string_view json) {
  rapidjson::Document event;
  event.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
  if (event.HasParseError() || !event.IsObject()) return core::printable(json, 512) + "\n";
  const std::string type = text_of(event, "type");
  // The time of day is enough on a screen; -o jsonl has the date.
  const std::string time = text_of(event, "time");
  const std::string clock = time.size() == 24 ? time.substr(11, 12) : "-";
  return fmt::format("{:<12} {:<9} {}\n", clock, core::printable(type), sentence_of(event, type));
}

int run_events(const EventsVerb& verb) {
  const auto report = [](const absl::Status& status) {
    say(core::message_of(status));
    return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ? kExitUnreachable
                                                                           : kExitFailed;
  };
  auto reactor = net::Reactor::create(0);
  if (!reactor.ok()) return report(reactor.status());
  const absl::Status done = Watching(**reactor, verb).run();
  return done.ok() ? kExitOk : report(done);
}

}  // namespace shoal::cli
