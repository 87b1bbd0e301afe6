// `shoal debug bundle`: what masters and agents say of themselves, in one archive for somebody who
// looks for a mistake. What cannot be had is told, in the archive too, and does not stop the rest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cli/options.h"

namespace shoal::cli {

int run_debug_bundle(const DebugBundleVerb& verb);

// One page of a daemon, and where it stands in the archive.
struct Piece {
  std::string name;       // "master/cluster.json"
  std::string address;    // HOST:PORT
  std::string target;     // "/v1/cluster"
  bool may_miss = false;  // not every daemon has it
};

// What is asked of the one that leads, of others, and of an agent.
std::vector<Piece> leader_pieces(const std::string& address);
std::vector<Piece> standby_pieces(const std::string& address);
std::vector<Piece> agent_pieces(const std::string& id, const std::string& address);

// What became of one, for the archive's list.
struct PieceResult {
  std::string name;
  std::string from;  // "http://127.0.0.1:7070/v1/cluster"; a word for what is from here
  int status = 0;    // of HTTP; 0: no answer
  std::size_t bytes = 0;
  std::string error;  // empty: it is in the archive
};
std::string manifest_json(const std::string& masters, std::int64_t wall_ms,
                          const std::vector<PieceResult>& results);

}  // namespace shoal::cli
