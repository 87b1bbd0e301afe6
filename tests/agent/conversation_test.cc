// What masters of every release have said to agents, said again to today's agent over a real
// connection, with real tasks: it must say what agents said then.
#include "tests/wire/conversation.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/agent/agent_fixture.h"

namespace shoal::agent {
namespace {

using wire::MessageKind;

// The master of a recording. It waits for each of the agent's frames, and then says what followed.
class RecordedMaster final : public net::ConnectionHandler {
 public:
  RecordedMaster(net::Reactor& reactor, const wire::Conversation& conversation)
      : replay_(conversation) {
    for (const wire::Line& line : conversation.lines) {
      // What is used comes with heartbeats, as time goes by; this agent is told to leave it.
      const bool is_usage = line.kind == MessageKind::kUsageReport;
      if (line.peer == "agent" && !is_usage) lines_.push_back(&line);
    }
    net::ListenerOptions options;
    options.frames = this;
    listener_ = *net::Listener::create(reactor, "127.0.0.1:0", options);
  }
  std::string address() const { return listener_->bound_address().to_string(); }

  bool is_over() const { return next_ == lines_.size() || !fault_.empty(); }
  // "": all that was recorded has been said, by both.
  std::string fault() const {
    if (!fault_.empty() || is_over()) return fault_;
    return fmt::format("{}: {} has not come", next_, wire::name_of(lines_[next_]->kind));
  }

 private:
  void on_frame(net::Connection& connection, const wire::FrameView& frame) override {
    connection.set_authenticated();
    const auto kind = static_cast<MessageKind>(frame.header.kind);
    if (kind == MessageKind::kHeartbeat && (is_over() || lines_[next_]->kind != kind)) {
      return connection.send(frame.header, frame.payload);  // they come as time goes by
    }
    if (!fault_.empty()) return;
    if (is_over()) {
      fault_ = fmt::format("the agent sent {} at the end", wire::name_of(kind));
      return;
    }
    fault_ = replay_.hear(*lines_[next_], frame);
    if (!fault_.empty()) {
      fault_ = fmt::format("{}: {}", next_, fault_);
      return;
    }
    ++next_;
    answer(connection);
  }
  void on_closed(net::Connection&, const absl::Status&) override {}

  void answer(net::Connection& connection) {
    for (; next_ < lines_.size(); ++next_) {
      const wire::Line& line = *lines_[next_];
      if (line.is_break) {
        ++next_;
        return connection.close_after_flush(absl::CancelledError("recorded"));
      }
      if (!line.from_master) return;
      connection.send(wire::Bytes(replay_.say(line)));
    }
  }

  wire::Replay replay_;
  std::vector<const wire::Line*> lines_;
  std::size_t next_ = 0;
  std::string fault_;
  std::unique_ptr<net::Listener> listener_;
};

using ConversationTest = AgentTest;

TEST_F(ConversationTest, AnAgentsLife) {
  const auto paths = wire::recorded("agent");
  ASSERT_FALSE(paths.empty());
  for (const std::filesystem::path& path : paths) {
    SCOPED_TRACE(path);
    const auto conversation = wire::read_conversation(path);
    ASSERT_TRUE(conversation.ok()) << conversation.status();
    RecordedMaster master(loop_.reactor(), *conversation);
    AgentOptions given = options();
    given.masters = {master.address()};
    given.data_dir = folder_.path() + "/" + path.parent_path().parent_path().filename().string();
    given.resources = "cpus:4;mem:1000;disk:1000;ports:[31000-31009]";
    start(given);
    loop_.run_until([&] { return master.is_over(); });
    EXPECT_EQ(master.fault(), "");
    agent_.reset();
  }
}

}  // namespace
}  // namespace shoal::agent
