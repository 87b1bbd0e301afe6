#include "cli/launch_bed.h"

#include <fmt/core.h>

#include <utility>

#include "cli/terminal.h"

namespace shoal::cli {
namespace {

constexpr std::uint32_t kStartsPerSecond = 500;

}  // namespace

absl::Status LaunchBed::start(const std::vector<std::string>& master_args, std::uint32_t agents,
                              const std::vector<std::string>& swarm_words,
                              load::LoadOptions options) {
  auto reactor = net::Reactor::create(0);
  if (!reactor.ok()) return reactor.status();
  reactor_ = *std::move(reactor);
  auto cluster = BenchCluster::create(*reactor_);
  if (!cluster.ok()) return cluster.status();
  cluster_ = *std::move(cluster);
  progress("starting the master");
  if (absl::Status ok = cluster_->start_master(master_args, ""); !ok.ok()) return ok;
  progress(fmt::format("registering {} agents", agents));
  std::vector<std::string> words = {"--agents", fmt::format("{}", agents)};
  words.insert(words.end(), swarm_words.begin(), swarm_words.end());
  if (absl::Status ok =
          cluster_->start_swarm(words, kPatience + std::chrono::seconds(agents / kStartsPerSecond));
      !ok.ok()) {
    return ok;
  }
  options.master = cluster_->master();
  auto load = load::Load::create(*reactor_, options);
  if (!load.ok()) return load.status();
  load_ = *std::move(load);
  return cluster_->wait_until([this] { return load_->is_connected(); }, kPatience,
                              "the framework to subscribe");
}

void LaunchBed::stop() {
  progress("");
  load_.reset();
  cluster_.reset();
}

load::LoadResult LaunchBed::take_measured() {
  load::LoadResult result = load_->measured();
  add_errors(result.errors, result.first_error);
  return result;
}

void LaunchBed::add_errors(std::uint64_t count, const std::string& first) {
  errors_ += count;
  if (first_error_.empty()) first_error_ = first;
}

void LaunchBed::progress(const std::string& what) const {
  if (is_live_) write_fully(STDERR_FILENO, fmt::format("\r\033[K{}", what)).IgnoreError();
}

}  // namespace shoal::cli
