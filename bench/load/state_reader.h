// Reads a cluster's whole state, as somebody who looks at all tasks does.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace shoal::load {

inline constexpr std::chrono::seconds kReadTimeout{60};  // between two parts of an answer

struct StateRead {
  double seconds = 0;  // until the answer was complete
  std::uint64_t bytes = 0;
  std::uint64_t records = 0;
};

// Reads /v1/tasks a number of times, one after the other, on a thread of its own: a load's reactor
// must not wait for it.
class StateReader {
 public:
  // `master`: HOST:PORT.
  StateReader(std::string master, std::uint32_t reads)
      : master_(std::move(master)), reads_(reads) {}
  ~StateReader();
  StateReader(const StateReader&) = delete;
  StateReader& operator=(const StateReader&) = delete;

  // `done` is called from the reader's thread: after the last read, or the first that failed.
  void start(std::function<void()> done);
  // After `done`.
  const std::vector<StateRead>& results();
  const std::string& failure() const { return failure_; }  // empty: none

 private:
  void read();

  const std::string master_;
  const std::uint32_t reads_;
  std::vector<StateRead> results_;
  std::string failure_;
  std::thread thread_;
};

}  // namespace shoal::load
