// A registry in memory: what a driver would hold after these rows.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "core/registry.h"

namespace shoal::core {

class KeptRegistry {
 public:
  void apply(const RegistryRow& row) { std::visit(Apply{*this}, row); }

  RegistryContents contents() const {
    RegistryContents out;
    for (const auto& [id, row] : agents_) out.agents.push_back(row);
    for (const auto& [id, row] : frameworks_) out.frameworks.push_back(row);
    for (const auto& [name, row] : roles_) out.roles.push_back(row);
    return out;
  }
  const RegisteredAgent* find(AgentId id) const {
    const auto it = agents_.find(id);
    return it == agents_.end() ? nullptr : &it->second;
  }
  const RegisteredFramework* find(FrameworkId id) const {
    const auto it = frameworks_.find(id);
    return it == frameworks_.end() ? nullptr : &it->second;
  }
  const RegisteredRole* find(const std::string& role) const {
    const auto it = roles_.find(role);
    return it == roles_.end() ? nullptr : &it->second;
  }

 private:
  struct Apply {
    KeptRegistry& kept;
    void operator()(const RegisteredAgent& row) { kept.agents_[row.id] = row; }
    void operator()(const RegisteredFramework& row) { kept.frameworks_[row.id] = row; }
    void operator()(const RegisteredRole& row) {
      if (row.is_default()) {
        kept.roles_.erase(row.name);
      } else {
        kept.roles_[row.name] = row;
      }
    }
    void operator()(const ForgottenAgent& row) { kept.agents_.erase(row.id); }
    void operator()(const ForgottenFramework& row) { kept.frameworks_.erase(row.id); }
  };

  std::map<AgentId, RegisteredAgent> agents_;
  std::map<FrameworkId, RegisteredFramework> frameworks_;
  std::map<std::string, RegisteredRole> roles_;
};

// The shard that stored the row.
inline std::uint32_t shard_of(const RegistryRow& row, std::uint32_t shards) {
  struct Home {
    std::uint32_t shards;
    std::uint32_t operator()(const RegisteredAgent& r) const {
      return home_shard(r.id.value, shards);
    }
    std::uint32_t operator()(const RegisteredFramework& r) const {
      return home_shard(r.id.value, shards);
    }
    std::uint32_t operator()(const RegisteredRole&) const { return 0; }
    std::uint32_t operator()(const ForgottenAgent& r) const {
      return home_shard(r.id.value, shards);
    }
    std::uint32_t operator()(const ForgottenFramework& r) const {
      return home_shard(r.id.value, shards);
    }
  };
  return std::visit(Home{shards}, row);
}

}  // namespace shoal::core
