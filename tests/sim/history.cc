#include "tests/sim/history.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <variant>

namespace shoal::sim {
namespace {

// How long a call may be on its way between shards after its connection has broken.
constexpr core::Duration kLongestWay = std::chrono::seconds(2);

struct Key {
  std::string operator()(const core::RegisteredAgent& row) const { return agent(row.id); }
  std::string operator()(const core::ForgottenAgent& row) const { return agent(row.id); }
  std::string operator()(const core::RegisteredFramework& row) const { return framework(row.id); }
  std::string operator()(const core::ForgottenFramework& row) const { return framework(row.id); }
  std::string operator()(const core::RegisteredRole& row) const { return "role " + row.name; }

  static std::string agent(core::AgentId id) { return "agent " + to_string(id); }
  static std::string framework(core::FrameworkId id) { return "framework " + to_string(id); }
};

}  // namespace

std::string key_of(const core::RegistryRow& row) { return std::visit(Key{}, row); }

void History::on_sent(std::uint64_t epoch) {
  if (epoch < speaker_) {
    checker_.fail("a master of epoch {} speaks, after one of epoch {} has", epoch, speaker_);
  }
  speaker_ = epoch;
}

void History::on_agent_told(core::AgentId agent, const core::KeptRegistry& stored) {
  if (gone_.contains(agent)) {
    return checker_.fail("agent {} is registered, but an operator was told that it is gone",
                         to_string(agent));
  }
  // It may be declared gone already, while the master still waits to hear that this is stored.
  if (stored.find(agent) != nullptr) return;
  checker_.fail("agent {} is told that it is registered, but the registry does not know it",
                to_string(agent));
}

// --- the registry ---

void History::on_stored(const core::RegistryRow& row, const Mark& mark) {
  Mark& last = stored_[key_of(row)];
  last = std::max(last, mark);
}

void History::on_written(std::uint64_t epoch) {
  if (epoch < reader_) {
    checker_.fail("rows of epoch {} were written after a master of epoch {} had read the registry",
                  epoch, reader_);
  }
}

void History::check_stored(const Marks& marks) {
  for (const auto& [key, mark] : stored_) {
    const auto it = marks.find(key);
    if (it == marks.end() || it->second < mark) {
      return checker_.fail("row {} of epoch {}, of {}, was stored, but is lost", mark.number,
                           mark.epoch, key);
    }
  }
}

void History::on_loaded(std::uint64_t epoch, const Marks& marks,
                        const core::RegistryContents& contents) {
  reader_ = std::max(reader_, epoch);
  check_stored(marks);
  check_settings(contents);
}

// --- an operator's calls ---

void History::on_asked(std::uint32_t call, const core::UpdateQuota& update, core::TimePoint now) {
  for (const core::QuotaConfig& config : update.configs) {
    std::vector<Setting>& known = settings_[std::string(config.role)];
    Setting setting;
    setting.is_done = true;
    if (known.empty()) known.push_back(setting);
    setting.call = call;
    setting.limits = config.limits;
    setting.guarantees = config.guarantees;
    setting.asked_at = now;
    setting.is_done = false;
    known.push_back(setting);
  }
}

void History::on_asked(std::uint32_t call, const core::ManageAgent& message) {
  if (message.action == core::AgentAction::kMarkGone) going_[call] = message.agent;
}

void History::on_answered(std::uint32_t call, bool is_done) {
  if (const auto it = going_.find(call); it != going_.end()) {
    if (is_done) gone_.insert(it->second);
    going_.erase(it);
  }
  for (auto& [role, known] : settings_) {
    const auto its = std::find_if(known.begin(), known.end(),
                                  [call](const Setting& one) { return one.call == call; });
    if (its == known.end()) continue;
    if (!is_done) {
      known.erase(its);
      continue;
    }
    its->is_done = true;
    const core::TimePoint asked_at = its->asked_at;
    const auto last = std::remove_if(known.begin(), its, [asked_at](const Setting& earlier) {
      return earlier.is_done || (earlier.doubted_since != core::TimePoint::max() &&
                                 earlier.doubted_since + kLongestWay < asked_at);
    });
    known.erase(last, its);
  }
}

void History::on_cut_off(core::TimePoint now) {
  going_.clear();
  for (auto& [role, known] : settings_) {
    for (Setting& one : known) {
      if (!one.is_done) one.doubted_since = std::min(one.doubted_since, now);
    }
  }
}

void History::check_settings(const core::RegistryContents& contents) {
  for (const auto& [role, known] : settings_) {
    const auto row = std::find_if(contents.roles.begin(), contents.roles.end(),
                                  [&name = role](const auto& one) { return one.name == name; });
    const core::RegisteredRole none;
    const core::RegisteredRole& found = row == contents.roles.end() ? none : *row;
    const bool is_known = std::any_of(known.begin(), known.end(), [&found](const Setting& one) {
      return one.limits == found.limits && one.guarantees == found.guarantees;
    });
    if (is_known) continue;
    return checker_.fail(
        "the registry limits role '{}' to {} and guarantees {}, which is not what "
        "an operator was told",
        role, to_string(found.limits, core::kNoLimit), to_string(found.guarantees));
  }
}

}  // namespace shoal::sim
