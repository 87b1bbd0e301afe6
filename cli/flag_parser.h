// What the files that define flags share. Internal to cli/flags*.cc, the only ones that see the
// flags library.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "cli/options.h"
#include "cli/settings_load.h"
#include "core/status.h"
#include "core/text.h"

namespace CLI {  // NOLINT(readability-identifier-naming): the library's name
class App;
}

namespace shoal::cli {

// One verb being parsed: the flags library's app, and the texts that many verbs take.
struct Parser {
  Parser(CLI::App& of, std::string_view default_master) : app(of), master(default_master) {}

  CLI::App& app;
  std::string master;
  std::string format = "table";
  std::string watch;                         // empty: not given
  std::vector<std::string> command;          // what followed "--"
  std::string config;                        // --config, of the verbs that have it
  const SettingsSources* sources = nullptr;  // nullptr: none
  // The format is a wish from the configuration: a verb that does not know it shows its table.
  bool format_is_a_wish = false;
};

// Turns the texts into a verb, once all are read. Errors: INVALID_ARGUMENT, naming the flag.
using Finish = std::function<absl::StatusOr<Verb>(Parser&)>;

struct VerbEntry {
  std::string_view name;      // "run", "quota set"
  std::string_view about;     // one line
  std::string_view example;   // commands, one a line
  Finish (*define)(Parser&);  // nullptr: a group of actions; and `help`, which is neither
};

absl::Span<const VerbEntry> all_verbs();  // flags.cc
absl::Span<const VerbEntry> all_actions();
bool is_action_of(const VerbEntry& action, std::string_view group);

// --- shared options ---

void add_master_option(Parser& parser);
void add_format_option(Parser& parser);
void add_config_option(Parser& parser);
// --watch, of the verbs that show a list.
void add_watch_option(Parser& parser);

absl::Status check_address(std::string_view flag, const std::string& address);
absl::Status check_masters(const std::string& masters);  // of --master
absl::StatusOr<OutputFormat> parse_format(const std::string& text);
// Sets the master's address, and the format.
absl::Status finish_shared(const Parser& parsed, std::string* master);
absl::Status finish_shared(const Parser& parsed, std::string* master, OutputFormat* format);
// Also how often it is shown; nullopt: once.
absl::Status finish_shared(const Parser& parsed, std::string* master, OutputFormat* format,
                           std::optional<core::Duration>* watch);
// For a verb that does not know every format: `known` of `format`? Errors: INVALID_ARGUMENT with
// `otherwise`, unless the format was only a wish.
absl::Status narrow_format(const Parser& parsed, bool known, std::string_view otherwise,
                           OutputFormat* format);

// A role's name; `text` may also be "*" when `may_be_default`.
absl::Status check_role_flag(std::string_view flag, const std::string& text, bool may_be_default);
absl::StatusOr<core::Milli> parse_amount(std::string_view flag, const std::string& text);
// "NAME=VALUE" each.
absl::StatusOr<std::vector<std::pair<std::string, std::string>>> parse_pairs(
    std::string_view flag, const std::vector<std::string>& texts);

template <typename Int>
absl::StatusOr<Int> parse_count(std::string_view flag, const std::string& text, Int least,
                                Int most) {
  Int value = 0;
  if (core::parse_int(std::string_view(text), &value) && value >= least && value <= most) {
    return value;
  }
  return core::invalid("{}: '{}' is not a number from {} to {}", flag, core::printable(text), least,
                       most);
}

// --- settings, flags_settings.cc ---

// The section whose keys are flags of the verb; "" when settings do not touch it.
std::string_view section_of_verb(std::string_view verb);
// All that may be set, from the flags of the daemons and of the client verbs. Values are tried
// together with what was typed for `verb`, if it is one of a section.
Schema flags_schema(std::string_view verb, std::vector<std::string> typed);
// The words that give the app's flags these values; those without such a flag, and those whose flag
// is in `typed`, are left out.
std::vector<std::string> words_of(const Settings& settings, std::string_view section,
                                  const CLI::App& app, const std::vector<std::string>& typed);
// The long names of the flags that were given.
std::vector<std::string> given_flags(const CLI::App& app);

Finish define_config_check(Parser& parser);
Finish define_config_dump(Parser& parser);

// --- the verbs, by file ---

Finish define_master(Parser& parser);  // flags_daemon.cc
Finish define_agent(Parser& parser);
Finish define_dev(Parser& parser);

Finish define_run(Parser& parser);  // flags_run.cc

Finish define_tasks(Parser& parser);  // flags_look.cc
Finish define_agents(Parser& parser);
Finish define_frameworks(Parser& parser);
Finish define_offers(Parser& parser);
Finish define_roles(Parser& parser);
Finish define_explain(Parser& parser);
Finish define_events(Parser& parser);
Finish define_logs(Parser& parser);
Finish define_files(Parser& parser);
Finish define_top(Parser& parser);
Finish define_version(Parser& parser);
Finish define_completion(Parser& parser);  // flags_complete.cc

Finish define_wait_task(Parser& parser);  // flags_wait.cc
Finish define_wait_agent(Parser& parser);
Finish define_wait_framework(Parser& parser);

Finish define_debug_bundle(Parser& parser);  // flags_debug.cc

Finish define_kill(Parser& parser);  // flags_act.cc
Finish define_teardown(Parser& parser);
Finish define_quota_get(Parser& parser);
Finish define_quota_set(Parser& parser);
Finish define_quota_remove(Parser& parser);
Finish define_weight_get(Parser& parser);
Finish define_weight_set(Parser& parser);

Finish define_registry_dump(Parser& parser);  // flags_registry.cc
Finish define_registry_check(Parser& parser);
Finish define_registry_backup(Parser& parser);
Finish define_registry_restore(Parser& parser);

Finish define_masters(Parser& parser);  // flags_masters.cc
Finish define_step_down(Parser& parser);

Finish define_drain(Parser& parser);  // flags_manage.cc
Finish define_deactivate(Parser& parser);
Finish define_reactivate(Parser& parser);
Finish define_gone(Parser& parser);
Finish define_reserve(Parser& parser);  // flags_operate.cc
Finish define_unreserve(Parser& parser);
Finish define_volume_create(Parser& parser);
Finish define_volume_destroy(Parser& parser);
Finish define_volume_grow(Parser& parser);
Finish define_volume_shrink(Parser& parser);
Finish define_volume_list(Parser& parser);

Finish define_swarm(Parser& parser);  // flags_load.cc
Finish define_bench_agents(Parser& parser);
Finish define_bench_launch(Parser& parser);
Finish define_bench_offer_latency(Parser& parser);
Finish define_bench_churn(Parser& parser);
Finish define_bench_failover(Parser& parser);
Finish define_bench_state(Parser& parser);
Finish define_bench_events(Parser& parser);
Finish define_bench_compare(Parser& parser);
Finish define_bench_alloc(Parser& parser);

}  // namespace shoal::cli
