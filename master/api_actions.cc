#include "master/api_actions.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <utility>
#include <variant>

#include "core/agent_mode.h"
#include "core/limits.h"
#include "core/operator_handlers.h"
#include "core/quota_handlers.h"
#include "core/role.h"
#include "core/status.h"
#include "core/text.h"
#include "master/api_answer.h"
#include "master/api_body.h"
#include "master/cluster_json.h"

namespace shoal::master {
namespace {

struct Operation {
  std::string_view name;
  core::OperationKind kind;
};
constexpr std::array<Operation, 6> kOperations = {{
    {"reserve", core::OperationKind::kReserve},
    {"unreserve", core::OperationKind::kUnreserve},
    {"create", core::OperationKind::kCreate},
    {"destroy", core::OperationKind::kDestroy},
    {"grow", core::OperationKind::kGrow},
    {"shrink", core::OperationKind::kShrink},
}};

}  // namespace

// One request on its way to its handler: the sound ones are sent, the others give an error.
class ApiActions::Call {
 public:
  Call(ApiActions& actions, const std::vector<std::string>& path, const net::HttpRequest& request,
       const net::HttpResponder& responder, core::TimePoint now)
      : actions_(actions),
        path_(path),
        body_(request.body),
        responder_(responder),
        now_(now),
        is_delete_(request.method == "DELETE") {}

  absl::Status run() {
    if (path_[0] == "tasks") return kill();
    if (path_[0] == "frameworks") return teardown();
    if (path_[0] == "quotas") return set_quota();
    if (path_[0] == "weights") return set_weight();
    return path_[2] == "operations" ? operate() : manage();
  }

 private:
  core::Shard& shard() { return actions_.shard_; }
  core::Outbox& outbox() { return actions_.outbox_; }
  std::uint32_t begin() { return actions_.begin(responder_, now_); }

  absl::Status kill() {
    const absl::StatusOr<core::FrameworkId> framework =
        core::parse_framework_id(body_.required_text("framework"));
    const std::int64_t grace = body_.integer("grace_ms", -1);
    if (absl::Status sound = body_.finish(); !sound.ok()) return sound;
    if (!framework.ok()) return framework.status();
    if (absl::Status name = core::check_name(path_[1], "task"); !name.ok()) return name;
    core::KillTask wanted;
    wanted.framework = *framework;
    wanted.task = path_[1];
    wanted.grace_ms = grace;
    core::on_operator_kill(shard(), outbox(), kApiSession, wanted, begin());
    return absl::OkStatus();
  }

  absl::Status teardown() {
    const absl::StatusOr<core::FrameworkId> framework = core::parse_framework_id(path_[1]);
    if (absl::Status sound = body_.finish(); !sound.ok()) return sound;
    if (!framework.ok()) return framework.status();
    core::on_operator_teardown(shard(), outbox(), kApiSession, {*framework}, begin());
    return absl::OkStatus();
  }

  absl::Status set_quota() {
    core::QuotaConfig config;
    config.role = path_[1];
    bool force = false;
    if (!is_delete_) {
      config.limits = body_.quantities("limits", core::kNoLimit);
      config.guarantees = body_.quantities("guarantees", 0);
      force = body_.flag("force");
    }
    if (absl::Status sound = body_.finish(); !sound.ok()) return sound;
    if (absl::Status role = core::check_role(config.role); !role.ok()) return role;
    core::UpdateQuota update{.configs = {config}, .force = force};
    core::on_update_quota(shard(), outbox(), kApiSession, update, begin(), now_);
    return absl::OkStatus();
  }

  absl::Status set_weight() {
    const core::Milli weight = is_delete_ ? core::kDefaultWeight : body_.required_milli("weight");
    if (absl::Status sound = body_.finish(); !sound.ok()) return sound;
    if (absl::Status role = core::check_role(path_[1]); !role.ok()) return role;
    core::UpdateWeights update{.weights = {{path_[1], weight}}};
    core::on_update_weights(shard(), outbox(), kApiSession, update, begin(), now_);
    return absl::OkStatus();
  }

  absl::Status manage() {
    const absl::StatusOr<core::AgentId> agent = core::parse_agent_id(path_[1]);
    core::ManageAgent wanted;
    if (path_[2] == "deactivate") wanted.action = core::AgentAction::kDeactivate;
    if (path_[2] == "reactivate") wanted.action = core::AgentAction::kReactivate;
    if (path_[2] == "gone") wanted.action = core::AgentAction::kMarkGone;
    if (path_[2] == "drain") {
      wanted.action = core::AgentAction::kDrain;
      wanted.max_grace_ms = body_.integer("max_grace_ms", -1);
      wanted.mark_gone = body_.flag("mark_gone");
    }
    if (absl::Status sound = body_.finish(); !sound.ok()) return sound;
    if (!agent.ok()) return agent.status();
    wanted.agent = *agent;
    core::on_manage_agent(shard(), outbox(), kApiSession, wanted, begin(), now_);
    return absl::OkStatus();
  }

  absl::Status operate() {
    const absl::StatusOr<core::AgentId> agent = core::parse_agent_id(path_[1]);
    const std::string name = body_.required_text("operation");
    const absl::StatusOr<core::Resources> resources =
        core::parse_resources(body_.required_text("resources"));
    absl::StatusOr<core::Resources> addition = core::Resources();
    if (body_.has("addition")) addition = core::parse_resources(body_.text("addition"));
    const std::string principal = body_.text("principal");
    if (absl::Status sound = body_.finish(); !sound.ok()) return sound;
    for (const absl::Status& part : {agent.status(), resources.status(), addition.status()}) {
      if (!part.ok()) return part;
    }
    if (!core::is_clean_text(principal) || principal.size() > core::kMaxPrincipalBytes) {
      return core::invalid("principal must be clean text of at most {} bytes",
                           core::kMaxPrincipalBytes);
    }
    for (const Operation& operation : kOperations) {
      if (operation.name != name) continue;
      core::OperateAgent wanted;
      wanted.agent = *agent;
      wanted.principal = principal;
      wanted.spec = {operation.kind, *resources, *addition};
      core::on_operate_agent(shard(), outbox(), kApiSession, wanted, begin(), now_);
      return absl::OkStatus();
    }
    return core::invalid("operation must be reserve, unreserve, create, destroy, grow or shrink");
  }

  ApiActions& actions_;
  const std::vector<std::string>& path_;
  ApiBody body_;
  const net::HttpResponder& responder_;
  const core::TimePoint now_;
  const bool is_delete_;
};

std::string_view ApiActions::methods_of(const std::vector<std::string>& path) {
  const auto is = [&path](std::string_view collection, std::string_view action) {
    return path.size() == 3 && path[0] == collection && path[2] == action;
  };
  if (path.size() == 2 && (path[0] == "quotas" || path[0] == "weights")) return "PUT, DELETE";
  if (is("tasks", "kill") || is("frameworks", "teardown")) return "POST";
  for (const std::string_view action :
       {"deactivate", "reactivate", "drain", "gone", "operations"}) {
    if (is("agents", action)) return "POST";
  }
  return {};
}

bool ApiActions::act(const std::vector<std::string>& path, const net::HttpRequest& request,
                     const net::HttpResponder& responder, core::TimePoint now) {
  const std::vector<std::string_view> methods = core::split(methods_of(path), ',');
  if (std::find(methods.begin(), methods.end(), request.method) == methods.end()) return false;
  net::HttpResponder client = responder;
  if (const auto refused = refuse_sender(request); refused.has_value()) {
    client.respond(*refused);
    return true;
  }
  absl::Status sound;
  if (!request.query.empty()) sound = core::invalid("no parameters are known here");
  if (sound.ok()) sound = Call(*this, path, request, responder, now).run();
  if (!sound.ok()) client.respond(api_error(sound));
  return true;
}

void ApiActions::explain(const net::HttpRequest& request, const net::HttpResponder& responder,
                         core::TimePoint now) {
  net::HttpResponder client = responder;
  const auto parameters = QueryParameters::parse(request, {"framework", "role", "resources"});
  absl::Status sound = parameters.status();
  core::Explain question;
  std::string role;
  if (sound.ok()) {
    role = parameters->text("role");
    question.role = role;
    const auto framework = core::parse_framework_id(parameters->text("framework"));
    sound = framework.status();
    if (framework.ok()) question.framework = *framework;
  }
  if (sound.ok() && !role.empty()) sound = core::check_role(role);
  if (sound.ok() && !parameters->text("resources").empty()) {
    absl::StatusOr<core::Resources> wanted = core::parse_resources(parameters->text("resources"));
    sound = wanted.status();
    if (wanted.ok()) question.resources = *std::move(wanted);
  }
  if (!sound.ok()) {
    client.respond(api_error(sound));
    return;
  }
  core::on_operator_explain(shard_, outbox_, kApiSession, question, begin(responder, now), now);
}

std::uint32_t ApiActions::begin(const net::HttpResponder& responder, core::TimePoint now) {
  do {
    ++last_;
  } while (last_ == 0 || pending_.contains(last_));
  pending_.emplace(last_, Pending{responder, now + core::kApiActionTimeout});
  return last_;
}

void ApiActions::on_answer(const core::PeerMessage& message, std::uint32_t correlation) {
  auto node = pending_.extract(correlation);
  if (node.empty()) return;  // it took too long
  net::HttpResponder& responder = node.mapped().responder;
  if (const auto* const* refusal = std::get_if<const core::Refusal*>(&message)) {
    responder.respond(api_error(**refusal));
  } else if (const auto* const* explanation = std::get_if<const core::Explanation*>(&message)) {
    if (!(*explanation)->known) {
      responder.respond(api_error(
          404, "not_found", fmt::format("no framework {}", to_string((*explanation)->framework))));
      return;
    }
    Buffer buffer;
    Writer writer(buffer);
    put_object(writer, **explanation);
    net::HttpResponse response;
    response.body = std::string(buffer.GetString(), buffer.GetSize()) + "\n";
    responder.respond(response);
  } else {
    responder.respond(api_done());
  }
}

void ApiActions::check(core::TimePoint now) {
  absl::erase_if(pending_, [now](auto& entry) {
    if (entry.second.deadline > now) return false;
    entry.second.responder.respond(
        api_error(504, "timed_out", "the master did not get to it in time; it may still happen"));
    return true;
  });
}

}  // namespace shoal::master
