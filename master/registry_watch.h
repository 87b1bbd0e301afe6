// Whether the registry's store has come to a halt: what the log says of a slow transaction, and
// when its master has to end. A disk that hangs tells nobody; how the transaction ends is then
// unknown, and may stay so.
//
// Threads: one.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "core/time.h"

namespace shoal::master {

inline constexpr std::chrono::seconds kSlowCommit{5};  // from then on it is in the log
inline constexpr std::chrono::seconds kDefaultStoreTimeout{30};
inline constexpr std::chrono::seconds kMinStoreTimeout{1};
inline constexpr std::chrono::minutes kMaxStoreTimeout{10};
inline constexpr std::chrono::milliseconds kStoreLook{500};  // between two looks

class RegistryWatch {
 public:
  explicit RegistryWatch(core::Duration timeout) : timeout_(timeout) {}

  struct Verdict {
    std::string line;      // for the log; empty: nothing new
    bool is_over = false;  // it takes too long: `line` is why the master ends
  };

  // Why a master ends whose store has not answered for `taken`.
  static std::string why_over(core::Duration taken, std::uint64_t rows);

  // `taken`: how long the transaction takes that is under way, 0 if none is; `rows` wait in all.
  Verdict look(core::Duration taken, std::uint64_t rows);

 private:
  const core::Duration timeout_;
  core::Duration longest_{};  // of a slow transaction that was told; 0: none
};

}  // namespace shoal::master
