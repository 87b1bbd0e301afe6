// Who the masters of a cluster are, and that the leader hands over: masters, step-down. Both ask
// over HTTP (master/election_pages.h), and find the leader from any master or from etcd.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "core/time.h"
#include "sdk/election_patience.h"

namespace shoal::cli {

int run_masters(const MastersVerb& verb);
int run_step_down(const StepDownVerb& verb);

// Where the one is that leads, of a --master; blocking. While masters are there and none leads it
// goes on for `patience`. Errors: UNAVAILABLE.
absl::StatusOr<std::string> find_leader(const std::string& masters,
                                        core::Duration patience = sdk::kElectionPatience);

struct MasterRow {
  std::string id;  // empty: a master without an election
  std::string address;
  std::string state;  // "leader", "standby"
  std::string version;
  std::int64_t since_ms = 0;
  std::uint64_t epoch = 0;  // of the leader; 0: without an election
};

// All that the leader knows of, of a --master; blocking. Errors: UNAVAILABLE, INTERNAL.
absl::StatusOr<std::vector<MasterRow>> list_masters(const std::string& masters);

// What /masters answers. Errors: INTERNAL.
absl::StatusOr<std::vector<MasterRow>> read_masters(const std::string& json);
std::string render_masters(const std::vector<MasterRow>& rows, const Terminal& terminal);
std::string masters_to_json(const std::vector<MasterRow>& rows, OutputFormat format);

}  // namespace shoal::cli
