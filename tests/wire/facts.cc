#include "tests/wire/facts.h"

#include <fmt/core.h>

#include <utility>

#include "core/status.h"

namespace shoal::wire {
namespace {

std::string little_endian(std::uint64_t value) {
  std::string bytes;
  for (int shift = 0; shift < 64; shift += 8) bytes.push_back(static_cast<char>(value >> shift));
  return bytes;
}

// Collects the facts of one message; inside() puts the items of a list under a name of their own.
class FactList {
 public:
  void text(std::string_view name, std::string_view value) {
    add({.name = path(name), .value = std::string(value)});
  }
  void number(std::string_view name, std::int64_t value) { text(name, std::to_string(value)); }
  void bits(std::string_view name, std::uint64_t value) {
    add({.name = path(name), .rule = FactRule::kBits, .low = value});
  }
  void protocols(std::uint64_t low, std::uint64_t high) {
    add({.name = "protocols", .rule = FactRule::kProtocols, .low = low, .high = high});
  }
  // 0 is nobody, in every run.
  void id(std::string_view name, std::string_view sort, std::uint64_t value) {
    if (value == 0) return text(name, "none");
    add({.name = path(name), .rule = FactRule::kId, .value = little_endian(value), .sort = sort});
  }
  void id(core::AgentId value) { id("agent", "agent", value.value); }
  void id(core::FrameworkId value) { id("framework", "framework", value.value); }
  void uuid(const core::UpdateUuid& value) {
    if (value == core::UpdateUuid{}) return text("uuid", "none");
    add({.name = path("uuid"),
         .rule = FactRule::kId,
         .value = std::string(value.begin(), value.end()),
         .sort = "uuid"});
  }
  void resources(std::string_view name, const core::Resources& value) {
    text(name, core::to_string(value));
  }
  template <typename Items, typename Tell>
  void each(std::string_view name, const Items& items, Tell tell) {
    number(fmt::format("{}.size", name), static_cast<std::int64_t>(items.size()));
    for (std::size_t i = 0; i < items.size(); ++i) {
      const std::string outer = std::exchange(prefix_, fmt::format("{}[{}].", path(name), i));
      tell(items[i]);
      prefix_ = outer;
    }
  }
  Facts take() { return std::move(facts_); }

 private:
  std::string path(std::string_view name) const { return fmt::format("{}{}", prefix_, name); }
  void add(Fact fact) { facts_.push_back(std::move(fact)); }

  std::string prefix_;
  Facts facts_;
};

// --- hello ---

void tell(const core::Hello& m, FactList& to) {
  to.number("kind", static_cast<int>(m.kind));
  to.protocols(m.protocol_min, m.protocol_max);
  to.bits("features", m.features);
  to.id("cluster", "cluster", m.cluster_id);
  to.id("peer", m.kind == core::PeerKind::kAgent ? "agent" : "framework", m.peer_id);
  to.number("epoch", static_cast<std::int64_t>(m.epoch));
}

void tell(const core::Welcome& m, FactList& to) {
  to.number("protocol", m.protocol);
  to.bits("features", m.features);
  to.id("cluster", "cluster", m.cluster_id);
  to.number("epoch", static_cast<std::int64_t>(m.epoch));
}

void tell(const core::Refusal& m, FactList& to) {
  to.text("code", core::name_of(m.code));
  to.text("leader", m.leader);
}

void tell(const core::Heartbeat& m, FactList& to) { to.id("sequence", "beat", m.sequence); }

// --- agent ---

void tell_attributes(const core::AttributeViews& attributes, FactList& to) {
  to.each("attributes", attributes, [&](const core::AttributeView& attribute) {
    to.text("name", attribute.name);
    to.text("value", attribute.value);
  });
}

void tell_launch(const core::TaskLaunch& m, FactList& to) {
  to.text("id", m.id);
  to.text("name", m.name);
  to.resources("resources", m.resources);
  to.text("description",
          to_hex(std::string_view(reinterpret_cast<const char*>(m.description.data()),
                                  m.description.size())));
  to.text("role", m.role);
}

void tell(const core::RegisterAgent& m, FactList& to) {
  to.text("hostname", m.hostname);
  to.resources("resources", m.resources);
  tell_attributes(m.attributes, to);
  to.each("tasks", m.tasks, [&](const core::TaskReport& task) {
    to.id(task.framework);
    to.text("id", task.id);
    to.text("name", task.name);
    to.resources("resources", task.resources);
    to.text("state", core::name_of(task.state));
    to.text("role", task.role);
  });
  to.each("operations", m.operations, [&](const core::OperationReport& operation) {
    to.id(operation.framework);
    to.text("id", operation.id);
    to.uuid(operation.uuid);
    to.text("state", core::name_of(operation.state));
  });
  to.text("region", m.region);
  to.text("zone", m.zone);
  to.bits("capabilities", m.capabilities);
}

void tell(const core::AgentRegistered& m, FactList& to) {
  to.id(m.agent);
  to.number("heartbeat_interval_ms", m.heartbeat_interval_ms);
  to.number("session_timeout_ms", m.session_timeout_ms);
}

void tell(const core::RunTask& m, FactList& to) {
  to.id(m.framework);
  tell_launch(m.task, to);
}

void tell(const core::KillTask& m, FactList& to) {
  to.id(m.framework);
  to.id(m.agent);
  to.text("task", m.task);
  to.number("grace_ms", m.grace_ms);
  to.number("max_grace_ms", m.max_grace_ms);
}

void tell(const core::TaskStatus& m, FactList& to) {
  to.id(m.framework);
  to.id(m.agent);
  to.text("task", m.task);
  to.text("state", core::name_of(m.state));
  to.text("reason", core::name_of(m.reason));
  to.text("source", core::name_of(m.source));
  to.text("exit", m.has_exit ? fmt::format("code {} signal {}", m.exit_code, m.exit_signal) : "");
  to.uuid(m.has_uuid ? m.uuid : core::UpdateUuid{});
}

void tell(const core::AcknowledgeUpdate& m, FactList& to) {
  to.id(m.framework);
  to.id(m.agent);
  to.text("task", m.task);
  to.uuid(m.uuid);
}

void tell(const core::RemoveFramework& m, FactList& to) { to.id(m.framework); }

void tell(const core::ApplyOperation& m, FactList& to) {
  to.id(m.framework);
  to.text("id", m.id);
  to.uuid(m.uuid);
  to.text("kind", core::name_of(m.kind));
  to.resources("consumed", m.consumed);
  to.resources("converted", m.converted);
}

void tell(const core::OperationUpdate& m, FactList& to) {
  to.id(m.framework);
  to.id(m.agent);
  to.text("id", m.id);
  to.uuid(m.uuid);
  to.text("state", core::name_of(m.state));
}

void tell(const core::AcknowledgeOperation& m, FactList& to) {
  to.id(m.framework);
  to.id(m.agent);
  to.uuid(m.uuid);
}

void tell(const core::UpdateRevocable& m, FactList& to) { to.resources("resources", m.resources); }

void tell(const core::UsageReport& m, FactList& to) {
  to.number("cpus_milli", m.machine.cpus_milli);
  to.number("memory_bytes", static_cast<std::int64_t>(m.machine.memory_bytes));
  to.number("memory_used_bytes", static_cast<std::int64_t>(m.machine.memory_used_bytes));
  to.number("io_pressure", m.machine.io_pressure);
  to.each("tasks", m.tasks, [&](const core::TaskUseReport& task) {
    to.id(task.framework);
    to.text("task", task.task);
    to.number("cpus_milli", task.use.cpus_milli);
    to.number("memory_kib", task.use.memory_kib);
  });
}

// --- framework ---

void tell_roles(std::string_view name, const core::RoleViews& roles, FactList& to) {
  to.each(name, roles, [&](std::string_view role) { to.text("role", role); });
}

void tell_offer_ids(const auto& ids, FactList& to) {
  to.each("offers", ids, [&](core::OfferId id) { to.id("id", "offer", id.packed()); });
}

void tell(const core::Subscribe& m, FactList& to) {
  to.text("name", m.name);
  to.text("user", m.user);
  tell_roles("roles", m.roles, to);
  tell_roles("suppressed_roles", m.suppressed_roles, to);
  to.number("failover_timeout_ms", m.failover_timeout_ms);
  to.bits("capabilities", m.capabilities.bits());
  to.each("minimums", m.minimums, [&](const core::RoleMinimum& minimum) {
    to.text("role", minimum.role);
    to.text("quantities", core::to_string(minimum.quantities));
  });
  to.each("constraints", m.constraints, [&](const core::OfferConstraintView& constraint) {
    to.text("role", constraint.role);
    to.number("group", constraint.group);
    to.number("target", static_cast<int>(constraint.target));
    to.text("name", constraint.name);
    to.number("test", static_cast<int>(constraint.test));
    to.text("value", constraint.value);
  });
}

void tell(const core::Subscribed& m, FactList& to) {
  to.id(m.framework);
  to.number("heartbeat_interval_ms", m.heartbeat_interval_ms);
  to.number("session_timeout_ms", m.session_timeout_ms);
}

void tell(const core::Offers& m, FactList& to) {
  to.each("offers", m.offers, [&](const core::OfferView& offer) {
    to.id("id", "offer", offer.id.packed());
    to.id(offer.agent);
    to.text("hostname", offer.hostname);
    to.text("address", offer.address);
    to.resources("resources", offer.resources);
    tell_attributes(offer.attributes, to);
    to.text("role", offer.role);
    to.text("region", offer.region);
    to.text("zone", offer.zone);
  });
}

void tell(const core::Rescind& m, FactList& to) { tell_offer_ids(m.offers, to); }

void tell(const core::Accept& m, FactList& to) {
  tell_offer_ids(m.offers, to);
  to.each("tasks", m.tasks, [&](const core::TaskLaunch& task) { tell_launch(task, to); });
  to.number("refuse_ms", m.refuse_ms);
  to.each("operations", m.operations, [&](const core::Operation& operation) {
    to.text("id", operation.id);
    to.text("kind", core::name_of(operation.spec.kind));
    to.resources("resources", operation.spec.resources);
    to.resources("addition", operation.spec.addition);
    to.number("launches", operation.launches);
  });
}

void tell(const core::Decline& m, FactList& to) {
  tell_offer_ids(m.offers, to);
  to.number("refuse_ms", m.refuse_ms);
}

void tell(const core::Revive& m, FactList& to) { tell_roles("roles", m.roles, to); }
void tell(const core::Suppress& m, FactList& to) { tell_roles("roles", m.roles, to); }
void tell(const core::Teardown&, FactList&) {}
void tell(const core::AgentFailure& m, FactList& to) { to.id(m.agent); }

void tell(const core::Reconcile& m, FactList& to) {
  to.each("tasks", m.tasks, [&](std::string_view task) { to.text("task", task); });
}

void tell(const core::Explain& m, FactList& to) {
  to.id(m.framework);
  to.text("role", m.role);
  to.resources("resources", m.resources);
}

void tell(const core::Explanation& m, FactList& to) {
  to.id(m.framework);
  to.text("name", m.name);
  to.text("role", m.role);
  to.resources("wanted", m.wanted);
  to.number("known", m.known ? 1 : 0);
  to.number("connected", m.connected ? 1 : 0);
  to.number("suppressed", m.suppressed ? 1 : 0);
  to.number("agents", m.agents);
  to.each("counts", m.counts, [&](std::uint32_t count) { to.number("agents", count); });
  to.text("largest_total", core::to_string(m.largest_total));
  to.text("largest_free", core::to_string(m.largest_free));
}

template <typename T>
absl::StatusOr<Facts> told(const FrameView& frame) {
  const absl::StatusOr<T> message = decode<T>(frame.payload);
  if (!message.ok()) return message.status();
  FactList facts;
  tell(*message, facts);
  return facts.take();
}

absl::StatusOr<Facts> told_by_agents(const FrameView& frame) {
  switch (static_cast<MessageKind>(frame.header.kind)) {
    case MessageKind::kRegisterAgent:
      return told<core::RegisterAgent>(frame);
    case MessageKind::kAgentRegistered:
      return told<core::AgentRegistered>(frame);
    case MessageKind::kRunTask:
      return told<core::RunTask>(frame);
    case MessageKind::kKillTask:
      return told<core::KillTask>(frame);
    case MessageKind::kStatusUpdate:
      return told<core::TaskStatus>(frame);
    case MessageKind::kAcknowledgeUpdate:
      return told<core::AcknowledgeUpdate>(frame);
    case MessageKind::kRemoveFramework:
      return told<core::RemoveFramework>(frame);
    case MessageKind::kApplyOperation:
      return told<core::ApplyOperation>(frame);
    case MessageKind::kOperationUpdate:
      return told<core::OperationUpdate>(frame);
    case MessageKind::kAcknowledgeOperation:
      return told<core::AcknowledgeOperation>(frame);
    case MessageKind::kUpdateRevocable:
      return told<core::UpdateRevocable>(frame);
    case MessageKind::kUsageReport:
      return told<core::UsageReport>(frame);
    default:
      return absl::UnimplementedError(
          fmt::format("kind {} is in no recorded conversation", frame.header.kind));
  }
}

absl::StatusOr<Facts> told_by_frameworks(const FrameView& frame) {
  switch (static_cast<MessageKind>(frame.header.kind)) {
    case MessageKind::kSubscribe:
      return told<core::Subscribe>(frame);
    case MessageKind::kSubscribed:
      return told<core::Subscribed>(frame);
    case MessageKind::kOffers:
      return told<core::Offers>(frame);
    case MessageKind::kRescind:
      return told<core::Rescind>(frame);
    case MessageKind::kAccept:
      return told<core::Accept>(frame);
    case MessageKind::kDecline:
      return told<core::Decline>(frame);
    case MessageKind::kRevive:
      return told<core::Revive>(frame);
    case MessageKind::kSuppress:
      return told<core::Suppress>(frame);
    case MessageKind::kReconcile:
      return told<core::Reconcile>(frame);
    case MessageKind::kTeardown:
      return told<core::Teardown>(frame);
    case MessageKind::kAgentFailure:
      return told<core::AgentFailure>(frame);
    case MessageKind::kExplain:
      return told<core::Explain>(frame);
    case MessageKind::kExplanation:
      return told<core::Explanation>(frame);
    default:
      return told_by_agents(frame);
  }
}

}  // namespace

absl::StatusOr<Facts> facts_of(const FrameView& frame) {
  switch (static_cast<MessageKind>(frame.header.kind)) {
    case MessageKind::kHello:
      return told<core::Hello>(frame);
    case MessageKind::kWelcome:
      return told<core::Welcome>(frame);
    case MessageKind::kRefusal:
      return told<core::Refusal>(frame);
    case MessageKind::kHeartbeat:
      return told<core::Heartbeat>(frame);
    default:
      return told_by_frameworks(frame);
  }
}

bool holds(const Fact& recorded, const Fact& today) {
  if (recorded.rule != today.rule) return false;  // an id where none was, say
  switch (recorded.rule) {
    case FactRule::kSame:
      return recorded.value == today.value;
    case FactRule::kBits:
      return (recorded.low & today.low) == recorded.low;
    case FactRule::kProtocols:
      return today.low <= recorded.low && today.high >= recorded.high;
    case FactRule::kId:
      return true;
  }
  return false;
}

std::string to_hex(std::string_view bytes) {
  std::string hex;
  for (const char byte : bytes) hex += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return hex;
}

std::string to_string(const Fact& fact) {
  switch (fact.rule) {
    case FactRule::kSame:
      return fmt::format("{}: {}", fact.name, fact.value.empty() ? "empty" : fact.value);
    case FactRule::kBits:
      return fmt::format("{}: bits {:#x}", fact.name, fact.low);
    case FactRule::kProtocols:
      return fmt::format("{}: {} to {}", fact.name, fact.low, fact.high);
    case FactRule::kId:
      return fmt::format("{}: id {}", fact.name, to_hex(fact.value));
  }
  return fact.name;
}

}  // namespace shoal::wire
