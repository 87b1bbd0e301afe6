#include "wire/message.h"

namespace shoal::wire {

std::string_view name_of(MessageKind kind) {
  switch (kind) {
    case MessageKind::kHello:
      return "HELLO";
    case MessageKind::kWelcome:
      return "WELCOME";
    case MessageKind::kRefusal:
      return "REFUSAL";
    case MessageKind::kHeartbeat:
      return "HEARTBEAT";
    case MessageKind::kRegisterAgent:
      return "REGISTER_AGENT";
    case MessageKind::kAgentRegistered:
      return "AGENT_REGISTERED";
    case MessageKind::kRunTask:
      return "RUN_TASK";
    case MessageKind::kKillTask:
      return "KILL_TASK";
    case MessageKind::kStatusUpdate:
      return "STATUS_UPDATE";
    case MessageKind::kAcknowledgeUpdate:
      return "ACKNOWLEDGE_UPDATE";
    case MessageKind::kRemoveFramework:
      return "REMOVE_FRAMEWORK";
    case MessageKind::kSubscribe:
      return "SUBSCRIBE";
    case MessageKind::kSubscribed:
      return "SUBSCRIBED";
    case MessageKind::kOffers:
      return "OFFERS";
    case MessageKind::kRescind:
      return "RESCIND";
    case MessageKind::kAccept:
      return "ACCEPT";
    case MessageKind::kDecline:
      return "DECLINE";
    case MessageKind::kRevive:
      return "REVIVE";
    case MessageKind::kSuppress:
      return "SUPPRESS";
    case MessageKind::kReconcile:
      return "RECONCILE";
    case MessageKind::kTeardown:
      return "TEARDOWN";
    case MessageKind::kAgentFailure:
      return "AGENT_FAILURE";
    case MessageKind::kQuery:
      return "QUERY";
    case MessageKind::kQueryAnswer:
      return "QUERY_ANSWER";
    case MessageKind::kTeardownFramework:
      return "TEARDOWN_FRAMEWORK";
    case MessageKind::kDone:
      return "DONE";
    case MessageKind::kReadLog:
      return "READ_LOG";
    case MessageKind::kLogChunk:
      return "LOG_CHUNK";
  }
  return "";
}

}  // namespace shoal::wire
