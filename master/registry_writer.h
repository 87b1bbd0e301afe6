// Makes what the shards store durable, on a thread of its own: a disk that is slow, or syncs, never
// holds up a reactor. Whatever waits when the store is free goes into one transaction (group
// commit), so a crowd of admissions costs as many syncs as the disk does meanwhile.
//
// Threads: start() and the end on the main thread, put() on any reactor's. `stored` and `failed`
// are called on the writer's thread. commits() and the like from any.
// Invariants: 1. rows of a client are stored, and answered, in the order of its calls;
//   2. after a failure nothing is stored or answered any more;
//   3. after end() nothing is called, whenever the store answers.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "alloc/counters.h"
#include "alloc/histogram.h"
#include "core/time.h"
#include "master/registry.h"

namespace shoal::master {

class RegistryWriter {
 public:
  // `rows` more of the client's rows are durable.
  using Stored = std::function<void(std::size_t client, std::uint64_t rows)>;
  using Failed = std::function<void(const absl::Status& why)>;

  RegistryWriter(std::unique_ptr<RegistryStore> store, std::size_t clients, Stored stored,
                 Failed failed);
  // Stores what waits, unless abandoned, and ends.
  ~RegistryWriter();
  RegistryWriter(const RegistryWriter&) = delete;
  RegistryWriter& operator=(const RegistryWriter&) = delete;

  // What waits is forgotten, and nothing is stored any more; from any thread, then the end is near.
  void abandon();
  // Stores what waits and ends the writer, as its destructor does, but waits no longer than
  // `patience` for a store that hangs. False: it does. Then nothing is called any more, and what
  // there is of the writer, and its thread, are left to the end of the process.
  static bool end(std::unique_ptr<RegistryWriter> writer, core::Duration patience);

  void put(std::size_t client, std::vector<core::RegistryRow> rows);

  // After end() has said false: until the store has answered after all.
  void wait_until_ended();

  std::uint64_t rows_stored() const { return rows_stored_.value(); }
  std::uint64_t rows_waiting() const;  // given to it and not durable yet
  const alloc::Histogram& commit_time() const { return commit_time_; }  // one per transaction
  const alloc::Histogram& batch_rows() const { return batch_rows_; }    // likewise
  // How long the transaction takes that is under way; 0: none is.
  core::Duration commits_since(core::TimePoint now) const;

 private:
  struct Batch {
    std::vector<core::RegistryRow> rows;
    std::vector<std::uint64_t> rows_of;  // how many of them are of each client
  };

  void work();
  bool take(Batch& batch);  // false: the end, and nothing waits
  bool commit(const Batch& batch);
  bool tell(const absl::Status& written, const Batch& batch);

  std::unique_ptr<RegistryStore> store_;
  Stored stored_;
  Failed failed_;
  std::mutex telling_;    // held while `stored` or `failed` is called; guards the next
  bool is_left_ = false;  // nobody is there to be told
  std::mutex mutex_;      // guards the next five
  std::condition_variable changed_;
  Batch waiting_;
  bool is_ending_ = false;
  bool is_abandoned_ = false;
  bool has_ended_ = false;   // the thread has
  alloc::Counter rows_put_;  // written with mutex_ held
  alloc::Counter rows_stored_;
  alloc::Counter commit_begin_ns_;  // monotonic clock; 0: no transaction is under way
  alloc::Histogram commit_time_;
  alloc::Histogram batch_rows_;
  std::thread thread_;  // last: it uses all the others
};

}  // namespace shoal::master
