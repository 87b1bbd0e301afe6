// What each verb was asked to do: plain values, filled by cli/flags.cc and checked there for form.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/cluster_view.h"
#include "core/messages.h"
#include "core/resources.h"
#include "core/time.h"

namespace shoal::cli {

enum class OutputFormat : std::uint8_t { kTable, kJson, kJsonLines, kName };

struct MasterVerb {
  std::string listen;
  std::string data_dir;
  std::uint32_t reactors = 0;  // 0: one per core
  std::string ready_file;
  bool insecure = false;
  core::Duration offer_timeout{};
};

struct AgentVerb {
  std::string master;
  std::string data_dir;
  std::string listen;  // where it serves logs
  std::string resources;
  std::string attributes;
  std::string hostname;
  std::string ready_file;
  bool insecure = false;
};

struct DevVerb {
  std::uint32_t agents = 3;
  std::string listen;
  std::string data_dir;  // empty: a temporary one, removed at the end
  std::string ready_file;
  std::string resources;  // of each agent; empty: the machine's, divided
  std::uint32_t reactors = 0;
};

struct RunVerb {
  std::string master;
  core::Resources resources;  // without ports
  std::uint32_t ports = 0;    // how many
  std::string name;           // empty: from the command
  std::uint32_t instances = 1;
  std::string role;
  std::vector<std::pair<std::string, std::string>> environment;
  std::optional<core::Duration> timeout;
  std::string directory;  // where the command starts; empty: its sandbox
  bool wait = false;      // also for agents that could hold it
  std::vector<std::string> command;
};

struct ListVerb {
  core::QueryKind kind = core::QueryKind::kAgents;
  std::string master;
  std::string id;  // empty: all
  OutputFormat format = OutputFormat::kTable;
};

struct LogsVerb {
  std::string master;
  std::string task;
  bool follow = false;
  bool from_stderr = false;
};

struct KillVerb {
  std::string master;
  std::string task;
  std::int64_t grace_ms = -1;
};

struct TeardownVerb {
  std::string master;
  std::string framework;
};

struct VersionVerb {
  OutputFormat format = OutputFormat::kTable;
};

using Verb = std::variant<MasterVerb, AgentVerb, DevVerb, RunVerb, ListVerb, LogsVerb, KillVerb,
                          TeardownVerb, VersionVerb>;

}  // namespace shoal::cli
