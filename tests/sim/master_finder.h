// Which of several masters a peer dials: the one that a standby sent it to, else one after the
// other.
#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace shoal::sim {

// Where a master is in the network, and what others are told.
inline std::uint32_t master_node(std::uint32_t index) { return 300 + index; }
inline std::string master_address(std::uint32_t index) {
  return fmt::format("10.1.0.{}:7070", index + 1);
}

class MasterFinder {
 public:
  explicit MasterFinder(std::uint32_t masters) : masters_(masters) {}

  // The node to dial now.
  std::uint32_t next() {
    last_ = sent_to_.has_value() ? *sent_to_ : (last_ + 1) % masters_;
    sent_to_.reset();
    return master_node(last_);
  }
  // `leader` is an address of a master, or empty.
  void redirect(std::string_view leader) {
    for (std::uint32_t i = 0; i < masters_; ++i) {
      if (leader == master_address(i)) sent_to_ = i;
    }
  }

 private:
  std::uint32_t masters_;
  std::uint32_t last_ = 0;
  std::optional<std::uint32_t> sent_to_;
};

}  // namespace shoal::sim
