// The framework conversation of messages.h: roles, offers, answers, and why there is no offer.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/container/inlined_vector.h"
#include "core/ids.h"
#include "core/message_values.h"
#include "core/offer_constraint.h"
#include "core/operation.h"
#include "core/quantities.h"
#include "core/resources.h"
#include "core/role.h"

namespace shoal::core {

// What a framework can cope with; what it cannot is kept from it.
enum class Capability : std::uint64_t {
  kRevocable = 1,         // revocable resources are offered
  kGpu = 2,               // agents with GPUs are offered
  kPartitionAware = 4,    // hears UNREACHABLE, GONE, DROPPED …; others hear LOST
  kRegionAware = 8,       // agents of another region than the master's are offered
  kSharedResources = 16,  // shared volumes are offered
  kNotices = 32,          // Notice may be sent
};
class Capabilities {
 public:
  constexpr Capabilities() = default;
  constexpr explicit Capabilities(std::uint64_t bits) : bits_(bits) {}
  constexpr bool has(Capability c) const { return (bits_ & static_cast<std::uint64_t>(c)) != 0; }
  constexpr Capabilities with(Capability c) const {
    return Capabilities(bits_ | static_cast<std::uint64_t>(c));
  }
  constexpr std::uint64_t bits() const { return bits_; }  // unknown ones are kept and ignored
  bool operator==(const Capabilities&) const = default;

 private:
  std::uint64_t bits_ = static_cast<std::uint64_t>(Capability::kPartitionAware);
};

using RoleViews = absl::InlinedVector<std::string_view, 2>;

// The framework's own idea of a crumb in a role: an offer must hold one of the role's minimums.
struct RoleMinimum {
  std::string_view role;
  Quantities quantities;
};

struct Subscribe {
  std::string_view name;                  // clean text
  std::string_view user;                  // clean text
  RoleViews roles;                        // check_role each, distinct; empty: "*"
  RoleViews suppressed_roles;             // of `roles`; no offers for them until a revive
  std::int64_t failover_timeout_ms = -1;  // < 0: the default
  Capabilities capabilities;
  absl::InlinedVector<RoleMinimum, 1> minimums;
  absl::InlinedVector<OfferConstraintView, 1> constraints;
};

struct Subscribed {
  FrameworkId framework;
  std::uint32_t heartbeat_interval_ms = 0;
  std::uint32_t session_timeout_ms = 0;
};

struct Operation {
  std::string_view id;  // check_name, or empty: no feedback wanted
  OperationSpec spec;
  std::uint32_t launches = 0;  // kLaunch: how many of the tasks that follow
};

// With operations the call is done as a whole or not at all. Tasks that no kLaunch names are
// launched after the last operation.
struct Accept {
  absl::InlinedVector<OfferId, 4> offers;  // all of one agent and one role
  absl::InlinedVector<TaskLaunch, 4> tasks;
  std::int64_t refuse_ms = -1;  // filter for the unused rest; < 0: the default
  absl::InlinedVector<Operation, 1> operations;
};

struct Decline {
  absl::InlinedVector<OfferId, 16> offers;
  std::int64_t refuse_ms = -1;
};

// Clears the framework's filters and ends a suppression; in these roles, or in all when none is
// named.
struct Revive {
  RoleViews roles;
};
struct Suppress {  // no offers until a revive
  RoleViews roles;
};
struct Teardown {};  // ends the framework and its tasks

// Asks for the current state of tasks; an empty list asks for all.
struct Reconcile {
  absl::InlinedVector<std::string_view, 4> tasks;
};

struct OfferView {
  OfferId id;
  AgentId agent;
  std::string_view hostname;
  std::string_view address;
  Resources resources;
  AttributeViews attributes;
  std::string_view role;  // whose share it counts in
  std::string_view region;
  std::string_view zone;
};

struct Offers {
  absl::InlinedVector<OfferView, 8> offers;
};

struct Rescind {
  absl::InlinedVector<OfferId, 8> offers;
};

struct AgentFailure {
  AgentId agent;
};

// Why has a framework no offer that holds `resources`?
struct Explain {
  FrameworkId framework;  // 0: the caller itself
  std::string_view role;  // empty: all of the framework's
  Resources resources;    // empty: anything
};

// The first thing that keeps an agent from being offered; numbers are the wire's.
enum class ExplainCause : std::uint8_t {
  kOffered = 0,        // the framework holds an offer of it that is large enough
  kWillBeOffered = 1,  // nothing: it is free and comes in its turn
  kNotActive = 2,      // the agent is disconnected or unreachable
  kTooSmall = 3,       // more is asked for than the agent has
  kReserved = 4,       // it has enough, but reserved for other roles
  kInUse = 5,          // enough is not free: tasks use it
  kOfferedToOthers = 6,
  kGpu = 7,              // has GPUs, the framework lacks the capability
  kRegion = 8,           // in another region, the framework lacks the capability
  kConstraint = 9,       // the framework's offer constraints exclude it
  kFiltered = 10,        // the framework refused it a moment ago
  kQuota = 11,           // the role, or one above it, is at its limit
  kHeadroom = 12,        // kept for roles whose guarantee is not met
  kCrumb = 13,           // less is free than the least that is offered
  kHeldByOperator = 14,  // deactivated, draining or drained
};
inline constexpr std::uint8_t kExplainCauses = 15;
std::string_view name_of(ExplainCause cause);  // "too_small"
// "have less in all than is asked for": after a number of agents.
std::string_view describe(ExplainCause cause);

struct Explanation {
  FrameworkId framework;
  std::string name;  // the framework's
  std::string role;  // as asked
  Resources wanted;
  bool known = false;  // there is such a framework
  bool connected = false;
  bool suppressed = false;  // in every role that was asked for
  std::uint32_t agents = 0;
  std::array<std::uint32_t, kExplainCauses> counts{};
  Quantities largest_total;  // the most of each kind on any one active agent
  Quantities largest_free;
  std::string verdict;  // one line for people
};

// Something the framework should know about its offers, without having asked.
enum class NoticeCode : std::uint8_t {
  kFiltersHideAll = 0,  // its own filters or constraints keep every agent from it
};
inline constexpr std::uint8_t kNoticeCodes = 1;
std::string_view name_of(NoticeCode code);  // "FILTERS_HIDE_ALL"

struct Notice {
  NoticeCode code = NoticeCode::kFiltersHideAll;
  std::string_view message;
};

}  // namespace shoal::core
