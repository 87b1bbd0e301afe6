// Looks at several masters all the time, and knows whether two of them ever led at once.
//
// A master that says of itself that it leads, with the same epoch, in two answers has led from the
// arrival of the first to the question of the second: two such spans of different terms must not
// overlap. What a look cannot prove it does not claim.
//
// Threads: one for each master; the functions may be called from any.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/integration/net_lab.h"

namespace shoal::test {

// The body of what HOST:PORT answers; "" when it does not within `patience`.
std::string http_get(const std::string& address, std::string_view target,
                     std::chrono::milliseconds patience = std::chrono::milliseconds(400));
// Of a metric without labels in a page of /metrics; -1: there is no such.
std::int64_t metric_in(const std::string& page, std::string_view name);

class LeaderWatch {
 public:
  using Clock = std::chrono::steady_clock;

  struct Term {
    std::string master;
    std::int64_t epoch = 0;
    Clock::time_point first;  // it had begun by then: the first answer
    Clock::time_point last;   // it had not ended by then: the last question
  };

  // `masters`: hosts of `lab`, which all serve at `port`; `from`: the host that looks.
  LeaderWatch(const NetLab& lab, std::string from, const std::vector<std::string>& masters,
              int port);
  ~LeaderWatch();
  LeaderWatch(const LeaderWatch&) = delete;
  LeaderWatch& operator=(const LeaderWatch&) = delete;

  // The latest; an epoch of 0: nobody has led yet.
  Term latest() const;
  // Those that were seen, by epoch.
  std::vector<Term> terms() const;
  // "": no two terms overlapped, and epochs grew with time.
  std::string complaint() const;

 private:
  void look_at(const std::string& from, const std::string& master, const std::string& address);

  const NetLab& lab_;
  std::atomic<bool> is_ending_{false};
  mutable std::mutex mutex_;  // guards terms_
  std::map<std::pair<std::int64_t, std::string>, Term> terms_;
  std::vector<std::thread> threads_;
};

}  // namespace shoal::test
