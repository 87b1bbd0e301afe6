// Names of the enumerations of messages.h and cluster_view.h, as people and scripts see them.
#include <array>
#include <cstddef>

#include "core/cluster_view.h"
#include "core/messages.h"
#include "core/registry.h"

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
      "BAD_MESSAGE", "UNSUPPORTED_VERSION", "WRONG_CLUSTER", "NOT_EXPECTED",
      "INVALID",     "NOT_FOUND",           "INVALID_OFFER", "OVERLOADED",
      "FENCED",      "SHUTTING_DOWN",       "GONE",          "NOT_LEADER"};
  return pick(kNames, code);
}

std::string_view name_of(AgentState state) {
  static constexpr std::array<std::string_view, kAgentStates> kNames = {"active", "disconnected",
                                                                        "unreachable", "recovered"};
  return pick(kNames, state);
}

std::string_view name_of(AgentStanding standing) {
  static constexpr std::array<std::string_view, kAgentStandings> kNames = {"admitted",
                                                                           "unreachable", "gone"};
  return pick(kNames, standing);
}

std::string_view name_of(FrameworkStanding standing) {
  static constexpr std::array<std::string_view, kFrameworkStandings> kNames = {
      "connected", "disconnected", "removed"};
  return pick(kNames, standing);
}

std::string_view name_of(AgentMode mode) {
  static constexpr std::array<std::string_view, kAgentModes> kNames = {"normal", "deactivated",
                                                                       "draining", "drained"};
  return pick(kNames, mode);
}

std::string_view name_of(AgentAction action) {
  static constexpr std::array<std::string_view, kAgentActions> kNames = {"deactivate", "reactivate",
                                                                         "drain", "mark gone"};
  return pick(kNames, action);
}

std::string_view name_of(FrameworkState state) {
  static constexpr std::array<std::string_view, kFrameworkStates> kNames = {
      "active", "disconnected", "completed"};
  return pick(kNames, state);
}

std::string_view name_of(ExplainCause cause) {
  static constexpr std::array<std::string_view, kExplainCauses> kNames = {
      "offered",  "will_be_offered", "not_active",        "too_small",
      "reserved", "in_use",          "offered_to_others", "gpu",
      "region",   "constraint",      "filtered",          "quota",
      "headroom", "crumb",           "held_by_operator"};
  return pick(kNames, cause);
}

std::string_view describe(ExplainCause cause) {
  static constexpr std::array<std::string_view, kExplainCauses> kTexts = {
      "offered to it now",
      "free, and offered in turn",
      "not connected",
      "too small",
      "large enough, but reserved for other roles",
      "in use",
      "offered to other frameworks",
      "kept for frameworks that use GPUs",
      "in another region",
      "excluded by its offer constraints",
      "hidden by its own filters",
      "beyond the quota of the role",
      "kept free for guarantees",
      "with too little left to offer",
      "deactivated or drained by an operator"};
  return pick(kTexts, cause);
}

std::string_view name_of(NoticeCode code) {
  static constexpr std::array<std::string_view, kNoticeCodes> kNames = {"FILTERS_HIDE_ALL"};
  return pick(kNames, code);
}

}  // namespace shoal::core
