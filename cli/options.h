// What each verb was asked to do: plain values, filled by cli/flags.cc and checked there for form.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "bench/load/swarm_options.h"
#include "cli/settings.h"
#include "core/cluster_view.h"
#include "core/fleet.h"
#include "core/messages.h"
#include "core/registry_gc.h"
#include "core/resources.h"
#include "core/time.h"
#include "master/rate_limits.h"
#include "sdk/scheduler.h"

namespace shoal::cli {

enum class OutputFormat : std::uint8_t { kTable, kJson, kJsonLines, kName };

// Of a daemon.
struct LogVerb {
  bool is_json = false;
  std::string levels = "info";  // core::parse_log_levels()
};

struct MasterVerb {
  std::string listen;
  std::string data_dir;
  std::uint32_t reactors = 0;  // 0: one per core
  bool fd_table_per_reactor = false;
  std::string ready_file;
  bool insecure = false;
  core::Duration offer_timeout{};
  core::Duration offer_patience{};
  core::Duration session_timeout{};
  core::Duration agent_reregister_timeout{};
  core::RemovalLimits removals;
  master::RateLimitOptions rate_limits;
  core::Duration busy_lag{};  // 0: off
  std::vector<core::Quantities> minimums;
  bool random_shares = false;
  std::array<bool, core::kResourceKinds> excluded_from_shares{};
  bool offer_gpus_to_all = false;
  std::string region;  // both or none
  std::string zone;
  std::string registry;  // etcd://… or etcds://…; empty: in its folder
  core::RegistryGcLimits registry_gc;
  core::Duration registry_store_timeout{};
  core::Duration lease{};
  std::string advertise;  // HOST:PORT; empty: where it listens
  LogVerb log;
};

struct AgentVerb {
  std::string master;
  std::string data_dir;
  std::string listen;     // where it serves logs
  std::string resources;  // as text, whatever form it was given in
  std::string default_role = "*";
  std::string oversubscribe;
  std::string region;  // both or none
  std::string zone;
  std::string attributes;
  std::string hostname;
  std::string ready_file;
  bool cleans_up = false;    // kills the tasks of the agent before
  bool kills_tasks = false;  // when it is told to end
  core::Duration gc_delay{};
  double gc_disk_headroom = 0;
  core::Duration disk_watch_interval{};
  std::uint64_t log_max_bytes = 0;
  bool insecure = false;
  std::string isolation = "auto";  // agent::parse_isolation()
  std::string cgroup_root = "shoal";
  std::uint32_t max_pids_per_task = 0;  // 0: no limit
  bool cpu_quota = false;
  std::string task_user;  // empty: its own
  bool enforce_disk_quota = false;
  core::Duration disk_quota_interval{};
  core::Duration usage_interval{};  // 0: never
  std::string allowed_devices;      // agent::parse_devices()
  LogVerb log;
};

struct DevVerb {
  std::uint32_t agents = 3;
  std::string listen;
  std::string data_dir;  // empty: a temporary one, removed at the end
  std::string ready_file;
  std::string resources;  // of each agent; empty: the machine's, divided
  std::uint32_t reactors = 0;
  std::string isolation = "auto";  // of each agent
  LogVerb log;                     // of all daemons
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
  std::optional<core::Duration> max_completion_time;
  std::string directory;               // where the command starts; empty: its sandbox
  std::string user;                    // who it runs as; empty: as the agent says
  std::vector<std::string> read_only;  // absolute paths
  bool no_network = false;             // but loopback
  bool wait = false;                   // also for agents that are not there yet
  std::vector<sdk::OfferConstraint> constraints;
  std::vector<std::string> volumes;  // ids, of the role's
  std::vector<std::string> command;
};

struct ListVerb {
  core::QueryKind kind = core::QueryKind::kAgents;
  std::string master;
  std::string id;  // empty: all
  OutputFormat format = OutputFormat::kTable;
  std::optional<core::Duration> watch;  // anew every time; nullopt: once (so in all verbs)
};

// Until something is in one of some states.
struct WaitVerb {
  enum class Kind : std::uint8_t { kTask, kAgent, kFramework };
  Kind kind = Kind::kTask;
  std::string master;
  std::string name;                 // a task's, an agent's (or its hostname), a framework's
  std::vector<std::string> states;  // in small letters, without "task_"
  std::optional<core::Duration> timeout;
};

struct LogsVerb {
  std::string master;
  std::string task;
  bool follow = false;
  bool from_stderr = false;
};

struct FilesVerb {
  std::string master;
  std::string task;
  std::string path;  // below its sandbox; empty: the sandbox
  bool cat = false;  // the contents of a file, not a list
  OutputFormat format = OutputFormat::kTable;
};

enum class TopSource : std::uint8_t {
  kAuto = 0,    // agents, unless there are many
  kAgents = 1,  // each of them, now
  kMaster = 2,  // what they last reported
};

struct TopVerb {
  std::string master;
  core::Duration interval{};  // between two looks
  std::uint32_t most = 0;     // tasks that are listed; 0: all
  bool once = false;          // also on a terminal
  TopSource source = TopSource::kAuto;
  OutputFormat format = OutputFormat::kTable;
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

struct ExplainVerb {
  std::string master;
  std::string framework;  // an id, or a name
  std::string role;       // empty: all of the framework's
  core::Resources resources;
  OutputFormat format = OutputFormat::kTable;
};

struct EventsVerb {
  std::string master;
  bool follow = false;
  bool from_start = false;  // of follow: also what was before
  std::string types;        // as the API takes them; empty: all
  std::string task;
  std::string agent;
  std::string framework;
  OutputFormat format = OutputFormat::kTable;
};

struct QuotaVerb {
  enum class Action : std::uint8_t { kGet, kSet, kRemove };
  Action action = Action::kGet;
  std::string master;
  std::string role;                            // of kGet: empty: all that have one
  std::optional<core::Quantities> limits;      // nullopt: as they are
  std::optional<core::Quantities> guarantees;  // nullopt: as they are
  bool force = false;
  OutputFormat format = OutputFormat::kTable;
  std::optional<core::Duration> watch;
};

struct WeightVerb {
  std::string master;
  std::string role;                   // of a question: empty: all
  std::optional<core::Milli> weight;  // nullopt: a question
  OutputFormat format = OutputFormat::kTable;
  std::optional<core::Duration> watch;
};

// Reserve, unreserve, and what is done to volumes.
struct OperateVerb {
  core::OperationKind kind = core::OperationKind::kReserve;
  std::string master;
  std::string agent;          // an id, or a hostname
  std::string role;           // may be empty where the rest says it
  core::Resources resources;  // of kReserve and kUnreserve
  std::vector<std::pair<std::string, std::string>> labels;
  std::string principal;
  std::string volume;    // the id
  core::Milli size = 0;  // milli-MiB; of kGrow and kShrink: by how much
  std::string path;
  bool shared = false;
};

// Deactivate, reactivate, drain, mark gone.
struct ManageVerb {
  core::AgentAction action = core::AgentAction::kDeactivate;
  std::string master;
  std::string agent;               // an id, or a hostname
  bool force = false;              // of kMarkGone: also when it is active
  std::int64_t max_grace_ms = -1;  // of kDrain, with all below
  bool mark_gone = false;
  bool wait = true;
  std::optional<core::Duration> timeout;
};

struct VolumesVerb {
  std::string master;
  OutputFormat format = OutputFormat::kTable;
  std::optional<core::Duration> watch;
};

struct SwarmVerb {
  load::SwarmOptions options;
  std::string scenario_file;  // empty: none
  std::string ready_file;
  OutputFormat format = OutputFormat::kTable;
};

struct BenchVerb {
  enum class Kind : std::uint8_t { kAgents, kLaunch, kOfferLatency, kChurn };
  Kind kind = Kind::kAgents;
  std::string attach;  // HOST:PORT of a master that runs already; empty: starts one
  std::uint32_t agents = 1000;
  std::uint32_t frameworks = 1;
  std::uint32_t batch = 1;
  double rate = 0;  // a second; of kLaunch and kChurn 0: half of what was sustained
  core::Duration warm_up{};
  core::Duration duration{};
  core::Resources agent_resources;
  core::Resources task_resources;
  double fail_per_minute = 0;
  double disconnect_per_minute = 0;
  std::vector<std::string> master_args;  // more words for `shoal master`
  std::string preload;                   // a malloc for the master, as LD_PRELOAD
  std::string report;                    // folder for the page; empty: none
  OutputFormat format = OutputFormat::kTable;
};

// Kills the master that leads a cluster full of tasks, and measures how it goes on.
struct FailoverVerb {
  std::uint32_t agents = 1000;
  std::uint32_t tasks_per_agent = 10;
  std::uint32_t masters = 3;
  bool uses_etcd = true;  // else: one master with a store of its own, which is started again
  core::Duration patience{};
  std::vector<std::string> master_args;  // more words for `shoal master`
  OutputFormat format = OutputFormat::kTable;
};

// Reads the whole state of a cluster that launches tasks.
struct StateVerb {
  std::uint32_t agents = 1000;
  std::uint32_t tasks = 20'000;
  std::uint32_t reads = 10;
  double rate = 2000;                    // launches a second
  core::Duration duration{};             // without reads, to compare with
  std::vector<std::string> master_args;  // more words for `shoal master`
  OutputFormat format = OutputFormat::kTable;
};

// Tells events to subscribers while tasks are launched.
struct BenchEventsVerb {
  std::uint32_t agents = 1000;
  std::uint32_t subscribers = 10;
  double rate = 0;                       // launches a second; 0: as many as it takes
  core::Duration duration{};             // without subscribers, and again with them
  std::vector<std::string> master_args;  // more words for `shoal master`
  OutputFormat format = OutputFormat::kTable;
};

// The same bench of several subjects in turn: two builds, or the same one under several mallocs.
struct CompareVerb {
  enum class Kind : std::uint8_t { kBuilds, kMallocs };
  Kind kind = Kind::kBuilds;
  std::string base;  // of kBuilds: paths of programs
  std::string head;
  std::uint32_t runs = 5;
  std::string figure;              // a key of the bench's JSON, "launch_to_running_us.p99"
  double threshold = 0.05;         // fails when the head is worse by more
  std::vector<std::string> words;  // what to bench
  OutputFormat format = OutputFormat::kTable;
};

struct VersionVerb {
  OutputFormat format = OutputFormat::kTable;
};

struct MastersVerb {
  std::string master;
  OutputFormat format = OutputFormat::kTable;
  std::optional<core::Duration> watch;
};

struct StepDownVerb {
  std::string master;
};

struct RegistryVerb {
  enum class Action : std::uint8_t { kDump, kCheck, kBackup, kRestore };
  Action action = Action::kDump;
  std::string data_dir;
  std::string registry;    // etcd://… or etcds://…, instead of a folder
  bool is_forced = false;  // to restore into etcd: what is there is lost
  std::string file;        // a backup: to read, or to write
  OutputFormat format = OutputFormat::kTable;
};

// Gathers what somebody who looks for a mistake wants to see.
struct DebugBundleVerb {
  std::string master;
  std::string file;          // empty: a name with the time, in this folder
  std::uint32_t agents = 0;  // how many are asked at most
  std::string settings;      // those that hold here, as TOML
};

struct CompletionVerb {
  std::string script;  // for the shell that was named
};

// Both have read everything already.
struct ConfigVerb {
  enum class Action : std::uint8_t { kCheck, kDump };
  Action action = Action::kCheck;
  Settings settings;
  std::vector<Section> sections;  // of kDump: those to show
  bool as_json = false;           // of kDump; else as TOML
};

using Verb =
    std::variant<MasterVerb, AgentVerb, DevVerb, RunVerb, ListVerb, LogsVerb, FilesVerb, TopVerb,
                 KillVerb, TeardownVerb, ExplainVerb, EventsVerb, QuotaVerb, WeightVerb,
                 OperateVerb, ManageVerb, VolumesVerb, MastersVerb, StepDownVerb, RegistryVerb,
                 VersionVerb, SwarmVerb, BenchVerb, FailoverVerb, StateVerb, BenchEventsVerb,
                 CompareVerb, ConfigVerb, CompletionVerb, WaitVerb, DebugBundleVerb>;

}  // namespace shoal::cli
