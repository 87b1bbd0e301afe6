#include "wire/message.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace shoal::wire {
namespace {

constexpr std::pair<MessageKind, std::string_view> kNames[] = {
    {MessageKind::kHello, "HELLO"},
    {MessageKind::kWelcome, "WELCOME"},
    {MessageKind::kRefusal, "REFUSAL"},
    {MessageKind::kHeartbeat, "HEARTBEAT"},
    {MessageKind::kRegisterAgent, "REGISTER_AGENT"},
    {MessageKind::kAgentRegistered, "AGENT_REGISTERED"},
    {MessageKind::kRunTask, "RUN_TASK"},
    {MessageKind::kKillTask, "KILL_TASK"},
    {MessageKind::kStatusUpdate, "STATUS_UPDATE"},
    {MessageKind::kAcknowledgeUpdate, "ACKNOWLEDGE_UPDATE"},
    {MessageKind::kRemoveFramework, "REMOVE_FRAMEWORK"},
    {MessageKind::kApplyOperation, "APPLY_OPERATION"},
    {MessageKind::kOperationUpdate, "OPERATION_UPDATE"},
    {MessageKind::kAcknowledgeOperation, "ACKNOWLEDGE_OPERATION"},
    {MessageKind::kUpdateRevocable, "UPDATE_REVOCABLE"},
    {MessageKind::kTaskReports, "TASK_REPORTS"},
    {MessageKind::kUsageReport, "USAGE_REPORT"},
    {MessageKind::kSubscribe, "SUBSCRIBE"},
    {MessageKind::kSubscribed, "SUBSCRIBED"},
    {MessageKind::kOffers, "OFFERS"},
    {MessageKind::kRescind, "RESCIND"},
    {MessageKind::kAccept, "ACCEPT"},
    {MessageKind::kDecline, "DECLINE"},
    {MessageKind::kRevive, "REVIVE"},
    {MessageKind::kSuppress, "SUPPRESS"},
    {MessageKind::kReconcile, "RECONCILE"},
    {MessageKind::kTeardown, "TEARDOWN"},
    {MessageKind::kAgentFailure, "AGENT_FAILURE"},
    {MessageKind::kExplain, "EXPLAIN"},
    {MessageKind::kExplanation, "EXPLANATION"},
    {MessageKind::kNotice, "NOTICE"},
    {MessageKind::kQuery, "QUERY"},
    {MessageKind::kQueryAnswer, "QUERY_ANSWER"},
    {MessageKind::kTeardownFramework, "TEARDOWN_FRAMEWORK"},
    {MessageKind::kDone, "DONE"},
    {MessageKind::kUpdateQuota, "UPDATE_QUOTA"},
    {MessageKind::kUpdateWeights, "UPDATE_WEIGHTS"},
    {MessageKind::kOperateAgent, "OPERATE_AGENT"},
    {MessageKind::kManageAgent, "MANAGE_AGENT"},
    {MessageKind::kReadLog, "READ_LOG"},
    {MessageKind::kLogChunk, "LOG_CHUNK"},
    {MessageKind::kAgentResources, "AGENT_RESOURCES"},
};

}  // namespace

std::string_view name_of(MessageKind kind) {
  const auto* entry = std::find_if(std::begin(kNames), std::end(kNames),
                                   [kind](const auto& known) { return known.first == kind; });
  return entry == std::end(kNames) ? std::string_view() : entry->second;
}

}  // namespace shoal::wire
