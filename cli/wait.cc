#include "cli/wait.h"

#include <fmt/core.h>
#include <fmt/ranges.h>
#include <rapidjson/document.h>

#include <algorithm>
#include <cctype>
#include <memory>
#include <optional>
#include <utility>

#include "cli/event_stream.h"
#include "cli/exit_code.h"
#include "cli/json_reader.h"
#include "cli/lookup.h"
#include "cli/masters.h"
#include "cli/status_line.h"
#include "cli/terminal.h"
#include "core/limits.h"
#include "core/status.h"
#include "core/text.h"
#include "net/clock.h"
#include "net/http_client.h"
#include "net/reactor.h"
#include "net/timer.h"
#include "sdk/operator_client.h"

namespace shoal::cli {
namespace {

constexpr std::string_view kTaskPrefix = "task_";
constexpr core::Duration kLook = std::chrono::milliseconds(250);

template <typename State>
void add_states(std::uint8_t count, std::vector<std::string>& out) {
  for (std::uint8_t i = 0; i < count; ++i) {
    out.push_back(state_word(core::name_of(static_cast<State>(i))));
  }
}

std::string_view word_of(WaitVerb::Kind kind) {
  switch (kind) {
    case WaitVerb::Kind::kTask:
      return "task";
    case WaitVerb::Kind::kAgent:
      return "agent";
    case WaitVerb::Kind::kFramework:
      break;
  }
  return "framework";
}

bool is_temporary(const absl::Status& why) {
  return absl::IsUnavailable(why) || absl::IsDeadlineExceeded(why);
}

// Looks again and again, and listens to events for states that are too short for that.
class Waiting {
 public:
  Waiting(net::Reactor& reactor, sdk::OperatorClient& client, const WaitVerb& verb)
      : reactor_(reactor),
        client_(client),
        verb_(verb),
        name_(verb.name),
        line_(std::in_place),
        begin_(net::monotonic_now()),
        stream_(
            [this](const StreamedEvent& event) { judge(seen_in_event(verb_.kind, event.data)); }),
        timer_(reactor, [this] { look(); }) {}

  int run() {
    look();
    look();  // the first one told what to listen to: nothing comes between the two
    if (!code_.has_value()) {
      timer_.start_repeating(kLook);
      reactor_.run();
    }
    return *code_;
  }

 private:
  void look() {
    if (code_.has_value()) return;
    if (call_ == nullptr && !filter_.empty()) listen();
    const absl::StatusOr<Seen> seen = ask();
    if (seen.ok()) {
      judge(*seen);
    } else if (absl::IsNotFound(seen.status()) && !last_.empty()) {
      judge({{"removed"}, true, ""});
    } else if (last_.empty() || !is_temporary(seen.status())) {
      line_.reset();
      end(report(seen.status()));
    } else {
      line_->show(fmt::format("{}; looking again", core::message_of(seen.status())));
    }
    if (!code_.has_value()) check_time();
  }

  void check_time() {
    if (!verb_.timeout.has_value() || net::monotonic_now() - begin_ < *verb_.timeout) return;
    line_.reset();
    say(fmt::format("{} {} is still {}", word_of(verb_.kind), shown_name(), last_));
    end(kExitTimedOut);
  }

  // What it is now. From the first answer on it goes by its id.
  absl::StatusOr<Seen> ask() {
    switch (verb_.kind) {
      case WaitVerb::Kind::kTask:
        return ask_task();
      case WaitVerb::Kind::kAgent:
        return ask_agent();
      case WaitVerb::Kind::kFramework:
        break;
    }
    return ask_framework();
  }

  absl::StatusOr<Seen> ask_task() {
    const auto task = find_task(client_, name_);
    if (!task.ok()) return task.status();
    const std::string framework = core::to_string(task->framework);
    name_ = fmt::format("{}/{}", framework, task->id);
    filter_ =
        fmt::format("types=task&task={}&framework={}", net::percent_encode(task->id), framework);
    Seen seen = seen_of(task->state);
    seen.message = task->message;
    return seen;
  }

  absl::StatusOr<Seen> ask_agent() {
    const auto agent = find_agent(client_, name_);
    if (!agent.ok()) return agent.status();
    name_ = core::to_string(agent->id);
    filter_ = fmt::format("types=agent&agent={}", name_);
    return seen_of(agent->state, agent->mode);
  }

  absl::StatusOr<Seen> ask_framework() {
    const auto id = find_framework(client_, name_);
    if (!id.ok()) return id.status();
    name_ = core::to_string(*id);
    filter_ = fmt::format("types=framework&framework={}", name_);
    const auto view = client_.query(core::QueryKind::kFrameworks, name_);
    if (!view.ok() && !absl::IsNotFound(view.status())) return view.status();
    if (!view.ok() || view->frameworks.empty()) {
      return absl::NotFoundError(fmt::format("no framework '{}'", shown_name()));
    }
    return seen_of(view->frameworks.front().state);
  }

  // Where there are no events, looking must do.
  void listen() {
    const absl::StatusOr<std::string> leader = find_leader(verb_.master, core::Duration::zero());
    if (!leader.ok()) return;
    const absl::StatusOr<net::HostPort> address = net::parse_host_port(*leader);
    if (!address.ok()) return;
    net::HttpCallOptions options;
    options.timeout = core::kApiKeepAlive * 3;
    options.on_body = [this](std::string_view part) { stream_.feed(part).IgnoreError(); };
    const std::string target = fmt::format("/v1/events?follow=true&{}&since={}", filter_,
                                           net::percent_encode(stream_.last_id()));
    call_ = std::make_unique<net::HttpCall>(
        reactor_, *address, target, options,
        [this](const absl::StatusOr<net::HttpAnswer>& /*answer*/) { call_.reset(); });
  }

  void judge(const Seen& seen) {
    if (code_.has_value() || seen.words.empty()) return;
    last_ = seen.words.front();
    if (const std::string found = reached(seen, verb_.states); !found.empty()) {
      line_.reset();
      return end(print_output(found + "\n"));
    }
    if (!seen.is_last) {
      return line_->show(fmt::format("waiting for {} {} to be {}: it is {}", word_of(verb_.kind),
                                     shown_name(), fmt::join(verb_.states, " or "), last_));
    }
    line_.reset();
    say(fmt::format("{} {} is {} for good{}", word_of(verb_.kind), shown_name(), last_,
                    seen.message.empty() ? "" : ": " + core::printable(seen.message, 300)));
    end(kExitFailed);
  }

  std::string shown_name() const { return core::printable(verb_.name, 200); }

  void end(int code) {
    code_ = code;
    reactor_.stop();
  }

  net::Reactor& reactor_;
  sdk::OperatorClient& client_;
  const WaitVerb& verb_;
  std::string name_;
  std::string filter_;  // of events; empty: not found yet
  std::string last_;    // what it was when it was last seen; empty: never seen
  std::optional<StatusLine> line_;
  std::optional<int> code_;  // it is over
  const core::TimePoint begin_;
  EventStream stream_;
  std::unique_ptr<net::HttpCall> call_;
  net::Timer timer_;
};

}  // namespace

std::string state_word(std::string_view name) {
  std::string word(name);
  std::transform(word.begin(), word.end(), word.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (word.starts_with(kTaskPrefix)) word.erase(0, kTaskPrefix.size());
  return word;
}

std::vector<std::string> states_to_wait_for(WaitVerb::Kind kind) {
  std::vector<std::string> states;
  switch (kind) {
    case WaitVerb::Kind::kTask:
      add_states<core::TaskState>(core::kTaskStates, states);
      states.emplace_back("ended");
      return states;
    case WaitVerb::Kind::kAgent:
      add_states<core::AgentState>(core::kAgentStates, states);
      add_states<core::AgentMode>(core::kAgentModes, states);
      break;
    case WaitVerb::Kind::kFramework:
      add_states<core::FrameworkState>(core::kFrameworkStates, states);
      break;
  }
  states.emplace_back("removed");
  return states;
}

Seen seen_of(core::TaskState state) {
  Seen seen{{state_word(core::name_of(state))}, core::is_terminal(state), ""};
  if (seen.is_last) seen.words.emplace_back("ended");
  return seen;
}

Seen seen_of(core::AgentState state, core::AgentMode mode) {
  Seen seen{{state_word(core::name_of(state)), state_word(core::name_of(mode))}, false, ""};
  // Of an agent that is there the mode says more.
  if (state == core::AgentState::kActive && mode != core::AgentMode::kNormal) {
    std::swap(seen.words[0], seen.words[1]);
  }
  return seen;
}

Seen seen_of(core::FrameworkState state) {
  return {{state_word(core::name_of(state))}, state == core::FrameworkState::kCompleted, ""};
}

Seen seen_in_event(WaitVerb::Kind kind, const std::string& json) {
  rapidjson::Document event;
  event.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
  if (event.HasParseError() || text_of(event, "type") != word_of(kind)) return {};
  const std::string state = text_of(event, "state");
  if (state == "removed") return {{state}, true, ""};
  if (kind == WaitVerb::Kind::kTask) {
    for (std::uint8_t i = 0; i < core::kTaskStates; ++i) {
      if (state != core::name_of(static_cast<core::TaskState>(i))) continue;
      Seen seen = seen_of(static_cast<core::TaskState>(i));
      seen.message = text_of(event, "message");
      return seen;
    }
    return {};
  }
  if (kind == WaitVerb::Kind::kFramework) return {{state}, state == "completed", ""};
  return {{state, text_of(event, "mode")}, false, ""};
}

std::string reached(const Seen& seen, const std::vector<std::string>& wanted) {
  for (const std::string& word : wanted) {
    if (std::find(seen.words.begin(), seen.words.end(), word) != seen.words.end()) return word;
  }
  return "";
}

int run_wait(const WaitVerb& verb) {
  auto client = sdk::OperatorClient::create(verb.master);
  if (!client.ok()) return report(client.status());
  auto reactor = net::Reactor::create(0);
  if (!reactor.ok()) return report(reactor.status());
  return Waiting(**reactor, **client, verb).run();
}

}  // namespace shoal::cli
