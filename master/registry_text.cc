#include "master/registry_text.h"

#include <fmt/core.h>

#include <utility>

#include "absl/status/statusor.h"
#include "core/crc32c.h"
#include "core/limits.h"
#include "core/role.h"
#include "core/status.h"
#include "core/text.h"

namespace shoal::master {
namespace {

enum Table : std::size_t { kAgents = 0, kFrameworks = 1, kRoles = 2 };

constexpr std::size_t kMaxTextBytes = 4096;

struct ToText {
  RegistryText operator()(const core::RegisteredAgent& row) const {
    return {kAgents,
            false,
            {core::to_string(row.id), std::string(name_of(row.standing)),
             std::string(name_of(row.mode)), fmt::format("{}", row.drain.max_grace_ms),
             row.drain.mark_gone ? "1" : "0", fmt::format("{}", row.drain.started_ms),
             fmt::format("{}", row.drain.ended_ms), row.hostname, row.address,
             fmt::format("{}", row.since_ms)}};
  }
  RegistryText operator()(const core::RegisteredFramework& row) const {
    return {kFrameworks,
            false,
            {core::to_string(row.id), std::string(name_of(row.standing)), row.name, row.user,
             fmt::format("{}", row.capabilities), fmt::format("{}", row.failover_timeout_ms),
             fmt::format("{}", row.since_ms)}};
  }
  RegistryText operator()(const core::RegisteredRole& row) const {
    return {kRoles,
            row.is_default(),
            {row.name, core::milli_to_string(row.weight),
             core::to_string(row.limits, core::kNoLimit), core::to_string(row.guarantees)}};
  }
  RegistryText operator()(const core::ForgottenAgent& row) const {
    return {kAgents, true, {core::to_string(row.id)}};
  }
  RegistryText operator()(const core::ForgottenFramework& row) const {
    return {kFrameworks, true, {core::to_string(row.id)}};
  }
};

// Reads one row's columns in order; the first error is kept.
class Reader {
 public:
  Reader(std::size_t table, std::span<const std::string> values)
      : table_(registry_tables()[table]), values_(values) {
    if (values.size() != table_.columns.size()) {
      status_ = core::invalid("{} columns in a row of {}, not {}", values.size(), table_.name,
                              table_.columns.size());
    }
  }

  const absl::Status& status() const { return status_; }

  std::string text() {
    const std::string& value = next();
    if (value.size() <= kMaxTextBytes) return value;
    refuse(value, "it is too long");
    return {};
  }
  template <typename Int>
  Int number(Int least) {
    const std::string& value = next();
    Int number = 0;
    if (!core::parse_int(std::string_view(value), &number) || number < least) {
      refuse(value, "no number that is possible here");
      return least;
    }
    return number;
  }
  template <typename T>
  T parsed(const absl::StatusOr<T>& result) {
    check(result.status());
    return status_.ok() ? *result : T{};
  }
  // Of the column read last.
  void check(const absl::Status& valid) {
    if (status_.ok() && !valid.ok()) refuse(values_[position_ - 1], core::message_of(valid));
  }
  template <typename Enum>
  Enum named(std::uint8_t count) {
    const std::string& value = next();
    for (std::uint8_t i = 0; i < count; ++i) {
      if (name_of(static_cast<Enum>(i)) == value) return static_cast<Enum>(i);
    }
    refuse(value, "no name that is known");
    return Enum{};
  }
  const std::string& next() {
    static const std::string kNone;
    return status_.ok() ? values_[position_++] : kNone;
  }

 private:
  void refuse(std::string_view value, std::string_view why) {
    if (!status_.ok()) return;
    status_ = core::invalid("{}: '{}': {}", table_.columns[position_ - 1],
                            core::printable(value.substr(0, 64)), why);
  }

  const RegistryTable& table_;
  std::span<const std::string> values_;
  std::size_t position_ = 0;
  absl::Status status_;
};

core::RegisteredAgent read_agent(Reader& reader) {
  core::RegisteredAgent row;
  row.id = reader.parsed(core::parse_agent_id(reader.next()));
  row.standing = reader.named<core::AgentStanding>(core::kAgentStandings);
  row.mode = reader.named<core::AgentMode>(core::kAgentModes);
  row.drain.max_grace_ms = reader.number<std::int64_t>(-1);
  row.drain.mark_gone = reader.number<std::int64_t>(0) != 0;
  row.drain.started_ms = reader.number<std::int64_t>(0);
  row.drain.ended_ms = reader.number<std::int64_t>(0);
  row.hostname = reader.text();
  row.address = reader.text();
  row.since_ms = reader.number<std::int64_t>(0);
  return row;
}

core::RegisteredFramework read_framework(Reader& reader) {
  core::RegisteredFramework row;
  row.id = reader.parsed(core::parse_framework_id(reader.next()));
  row.standing = reader.named<core::FrameworkStanding>(core::kFrameworkStandings);
  row.name = reader.text();
  row.user = reader.text();
  row.capabilities = reader.number<std::uint64_t>(0);
  row.failover_timeout_ms = reader.number<std::int64_t>(0);
  row.since_ms = reader.number<std::int64_t>(0);
  return row;
}

core::RegisteredRole read_role(Reader& reader) {
  core::RegisteredRole row;
  row.name = reader.text();
  reader.check(core::check_role(row.name));
  row.weight = reader.parsed(core::parse_milli(reader.next()));
  row.limits = reader.parsed(core::parse_quantities(reader.next(), core::kNoLimit));
  row.guarantees = reader.parsed(core::parse_quantities(reader.next()));
  return row;
}

}  // namespace

const std::array<RegistryTable, 3>& registry_tables() {
  static const std::array<RegistryTable, 3> kTables = {{
      {"agents",
       {"id", "standing", "mode", "drain_max_grace_ms", "drain_mark_gone", "drain_started_ms",
        "drain_ended_ms", "hostname", "address", "since_ms"}},
      {"frameworks",
       {"id", "standing", "name", "user", "capabilities", "failover_timeout_ms", "since_ms"}},
      {"roles", {"name", "weight", "limits", "guarantees"}},
  }};
  return kTables;
}

RegistryText to_text(const core::RegistryRow& row) { return std::visit(ToText{}, row); }

std::uint32_t checksum_of(std::size_t table, std::span<const std::string> values) {
  const auto add = [](std::string_view text, std::uint32_t before) {
    return core::crc32c(reinterpret_cast<const unsigned char*>(text.data()), text.size(), before);
  };
  std::uint32_t sum = add(registry_tables()[table].name, 0);
  // With its length, so that no two rows are the same bytes.
  for (const std::string& value : values)
    sum = add(value, add(fmt::format(",{}:", value.size()), sum));
  return sum;
}

absl::Status read_text(std::size_t table, std::span<const std::string> values,
                       core::RegistryContents& into) {
  Reader reader(table, values);
  if (!reader.status().ok()) return reader.status();
  switch (table) {
    case kAgents: {
      core::RegisteredAgent row = read_agent(reader);
      if (reader.status().ok() && !row.id.valid()) return core::invalid("id: no agent has id 0");
      if (reader.status().ok()) into.agents.push_back(std::move(row));
      break;
    }
    case kFrameworks: {
      core::RegisteredFramework row = read_framework(reader);
      if (reader.status().ok() && !row.id.valid())
        return core::invalid("id: no framework has id 0");
      if (reader.status().ok()) into.frameworks.push_back(std::move(row));
      break;
    }
    default: {
      core::RegisteredRole row = read_role(reader);
      const bool is_sane = row.weight >= 1 && row.weight <= core::kMaxWeightMilli;
      if (reader.status().ok() && !is_sane) return core::invalid("weight: out of range");
      if (reader.status().ok()) into.roles.push_back(std::move(row));
    }
  }
  return reader.status();
}

}  // namespace shoal::master
