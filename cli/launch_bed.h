// A cluster of its own under a load of launches, for benches that measure launches with something
// beside them and without.
#pragma once

#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bench/load/load.h"
#include "cli/bench_cluster.h"
#include "net/reactor.h"

namespace shoal::cli {

class LaunchBed {
 public:
  static constexpr std::chrono::seconds kPatience{30};  // for what takes no time by itself

  // A master, a swarm of `agents`, and a framework that is subscribed and launches nothing yet; its
  // master is set here. Errors: those of BenchCluster and Load.
  absl::Status start(const std::vector<std::string>& master_args, std::uint32_t agents,
                     const std::vector<std::string>& swarm_words, load::LoadOptions options);
  // Ends all of it.
  void stop();

  net::Reactor& reactor() { return *reactor_; }
  BenchCluster& cluster() { return *cluster_; }
  load::Load& load() { return *load_; }

  // What the load has measured; its errors are added to those below.
  load::LoadResult take_measured();
  void add_errors(std::uint64_t count, const std::string& first);
  std::uint64_t errors() const { return errors_; }
  const std::string& first_error() const { return first_error_; }

  // A line that goes away again, on a terminal only.
  void progress(const std::string& what) const;

 private:
  const bool is_live_ = ::isatty(STDERR_FILENO) == 1;
  std::uint64_t errors_ = 0;
  std::string first_error_;
  std::unique_ptr<net::Reactor> reactor_;
  std::unique_ptr<BenchCluster> cluster_;
  std::unique_ptr<load::Load> load_;
};

}  // namespace shoal::cli
