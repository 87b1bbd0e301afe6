// What masters of every release have said to frameworks, said again to today's session: it must say
// what frameworks said then. The calls of the recording are made as they are due.
#include "tests/wire/conversation.h"

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <vector>

#include "core/status.h"
#include "sdk/scheduler_session.h"
#include "wire/task_description.h"

namespace shoal::sdk {
namespace {

using wire::MessageKind;

// Keeps what is sent, and that the session has not been given up.
class Kept final : public SessionSink {
 public:
  void send(wire::Bytes frame) override { frames.emplace_back(frame.begin(), frame.end()); }
  void reconnect(const absl::Status& why) override { reason = why; }
  void finished(const absl::Status& status) override { reason = status; }

  std::deque<wire::ByteVector> frames;
  absl::Status reason;
};

std::optional<core::Duration> duration_of(std::int64_t ms) {
  if (ms < 0) return std::nullopt;
  return std::chrono::milliseconds(ms);
}

std::vector<Offer> offers_of(const auto& ids) {
  std::vector<Offer> offers;
  for (const core::OfferId id : ids) offers.emplace_back().id = id;
  return offers;
}

std::vector<std::string> texts_of(const auto& views) {
  return std::vector<std::string>(views.begin(), views.end());
}

// One framework's side of a recording.
class RecordedFramework {
 public:
  explicit RecordedFramework(const wire::Conversation& conversation)
      : conversation_(conversation), replay_(conversation) {}

  void play() {
    bool is_connected = false;
    for (std::size_t i = 0; i < conversation_.lines.size(); ++i) {
      const wire::Line& line = conversation_.lines[i];
      if (line.peer != "framework") continue;
      SCOPED_TRACE(fmt::format("frame {}: {}", i, wire::name_of(line.kind)));
      if (line.is_break) {
        session_.on_disconnected();
        is_connected = false;
        continue;
      }
      if (!is_connected) session_.on_connected(now_);
      is_connected = true;
      if (line.from_master) {
        hear(line);
      } else {
        say(line);
      }
      if (testing::Test::HasFailure()) return;
    }
    EXPECT_TRUE(sink_.frames.empty()) << "something was sent that is not in the recording";
    EXPECT_TRUE(sink_.reason.ok()) << sink_.reason;
  }

 private:
  static SessionOptions options() {
    SessionOptions options;
    options.info.name = "recorded";
    options.info.user = "me";
    options.info.roles = {"web"};
    options.info.failover_timeout = std::chrono::hours(1);
    return options;
  }

  void hear(const wire::Line& line) {
    const wire::ByteVector frame = replay_.say(line);
    const auto view = wire::view_of(frame);
    ASSERT_TRUE(view.ok()) << view.status();
    const absl::Status status = session_.on_frame(*view, now_);
    EXPECT_TRUE(status.ok()) << status;
  }

  void say(const wire::Line& line) {
    if (sink_.frames.empty()) call(line);
    ASSERT_FALSE(sink_.frames.empty()) << "the session says nothing";
    const auto today = wire::view_of(sink_.frames.front());
    ASSERT_TRUE(today.ok()) << today.status();
    EXPECT_EQ(replay_.hear(line, *today), "");
    sink_.frames.pop_front();
  }

  // What the framework's author, or the clock, does so that the session says this. The rest it says
  // by itself.
  void call(const wire::Line& line) {
    if (line.kind == MessageKind::kHeartbeat) {
      now_ += std::chrono::seconds(10);
      return session_.on_tick(now_);
    }
    const wire::ByteVector frame = replay_.say(line);
    const auto view = wire::view_of(frame);
    ASSERT_TRUE(view.ok()) << view.status();
    switch (line.kind) {
      case MessageKind::kAccept:
        return accept(*wire::decode<core::Accept>(view->payload));
      case MessageKind::kDecline: {
        const auto message = *wire::decode<core::Decline>(view->payload);
        return session_.decline(offers_of(message.offers), duration_of(message.refuse_ms));
      }
      case MessageKind::kKillTask: {
        const auto message = *wire::decode<core::KillTask>(view->payload);
        return session_.kill(message.task, duration_of(message.grace_ms));
      }
      case MessageKind::kSuppress:
        return session_.suppress(texts_of(wire::decode<core::Suppress>(view->payload)->roles));
      case MessageKind::kRevive:
        return session_.revive(texts_of(wire::decode<core::Revive>(view->payload)->roles));
      case MessageKind::kReconcile:
        return session_.reconcile(texts_of(wire::decode<core::Reconcile>(view->payload)->tasks));
      case MessageKind::kExplain: {
        const auto message = *wire::decode<core::Explain>(view->payload);
        EXPECT_TRUE(session_.explain(message.resources, message.role).ok());
        return;
      }
      case MessageKind::kTeardown:
        return session_.teardown();
      default:
        return;
    }
  }

  void accept(const core::Accept& message) {
    std::vector<TaskSpec> tasks;
    for (const core::TaskLaunch& launch : message.tasks) {
      tasks.push_back({.id = std::string(launch.id),
                       .name = std::string(launch.name),
                       .resources = launch.resources,
                       .description = *wire::decode_task_description(launch.description)});
    }
    std::vector<Operation> operations;
    for (const core::Operation& operation : message.operations) {
      operations.push_back({.spec = operation.spec,
                            .id = std::string(operation.id),
                            .launches = operation.launches});
    }
    const absl::Status sent = session_.accept(offers_of(message.offers), operations, tasks,
                                              duration_of(message.refuse_ms));
    EXPECT_TRUE(sent.ok()) << sent;
  }

  const wire::Conversation& conversation_;
  wire::Replay replay_;
  Kept sink_;
  Scheduler scheduler_;
  SchedulerSession session_{options(), &scheduler_, &sink_};
  core::TimePoint now_{std::chrono::hours(1)};
};

class ConversationTest : public testing::TestWithParam<const char*> {};

TEST_P(ConversationTest, AFrameworksLife) {
  const auto paths = wire::recorded(GetParam());
  ASSERT_FALSE(paths.empty());
  for (const std::filesystem::path& path : paths) {
    SCOPED_TRACE(path);
    const auto conversation = wire::read_conversation(path);
    ASSERT_TRUE(conversation.ok()) << conversation.status();
    RecordedFramework(*conversation).play();
  }
}

// There is a framework in the agents' recording too: what reserves.
INSTANTIATE_TEST_SUITE_P(Recordings, ConversationTest, testing::Values("framework", "agent"),
                         [](const auto& name) { return std::string(name.param); });

}  // namespace
}  // namespace shoal::sdk
