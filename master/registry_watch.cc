#include "master/registry_watch.h"

#include <fmt/core.h>

#include <utility>

namespace shoal::master {
namespace {

double seconds(core::Duration time) { return std::chrono::duration<double>(time).count(); }

}  // namespace

std::string RegistryWatch::why_over(core::Duration taken, std::uint64_t rows) {
  return fmt::format(
      "the registry's store has not answered for {:.0f} s and {} rows wait; how that ends nobody "
      "knows, so the master stops: look at the disk of --data, or at --registry-store-timeout",
      seconds(taken), rows);
}

RegistryWatch::Verdict RegistryWatch::look(core::Duration taken, std::uint64_t rows) {
  if (taken >= timeout_) return {why_over(taken, rows), true};
  if (taken < longest_) {
    const core::Duration longest = std::exchange(longest_, {});
    if (taken >= kSlowCommit) longest_ = taken;
    return {fmt::format("the registry's store answers again, after more than {:.0f} s",
                        seconds(longest)),
            false};
  }
  if (taken < kSlowCommit) return {};
  const bool is_told = longest_ > core::Duration::zero();
  longest_ = taken;
  if (is_told) return {};
  return {fmt::format("the registry's store has not answered for {:.0f} s; {} rows wait, and with "
                      "them new agents and operators' calls",
                      seconds(taken), rows),
          false};
}

}  // namespace shoal::master
