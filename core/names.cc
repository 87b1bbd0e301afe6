// Names of the enumerations of messages.h and cluster_view.h, as people and scripts see them.
#include <array>
#include <cstddef>

#include "core/cluster_view.h"
#include "core/messages.h"

namespace shoal::core {
namespace {

template <std::size_t N, typename Enum>
std::string_view pick(const std::array<std::string_view, N>& names, Enum value) {
  const auto index = static_cast<std::size_t>(value);
  return index < N ? names[index] : std::string_view("unknown");
}

}  // namespace

std::string_view name_of(RefusalCode code) {
  static constexpr std::array<std::string_view, kRefusalCodes> kNames = {
      "BAD_MESSAGE", "UNSUPPORTED_VERSION", "WRONG_CLUSTER", "NOT_EXPECTED", "INVALID",
      "NOT_FOUND",   "INVALID_OFFER",       "OVERLOADED",    "FENCED",       "SHUTTING_DOWN"};
  return pick(kNames, code);
}

std::string_view name_of(AgentState state) {
  static constexpr std::array<std::string_view, kAgentStates> kNames = {"active", "disconnected",
                                                                        "unreachable"};
  return pick(kNames, state);
}

std::string_view name_of(FrameworkState state) {
  static constexpr std::array<std::string_view, kFrameworkStates> kNames = {
      "active", "disconnected", "completed"};
  return pick(kNames, state);
}

}  // namespace shoal::core
