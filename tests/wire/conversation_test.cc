#include "tests/wire/conversation.h"

#include <gtest/gtest.h>

#include "core/status.h"
#include "tests/wire/raw.h"
#include "tests/wire/samples.h"

namespace shoal::wire {
namespace {

Conversation parsed(std::string_view text) {
  auto conversation = parse_conversation(text);
  EXPECT_TRUE(conversation.ok()) << conversation.status();
  return conversation.ok() ? *std::move(conversation) : Conversation();
}

std::string refused_text(std::string_view text) {
  return std::string(core::message_of(parse_conversation(text).status()));
}

// What a recorder makes of a hello, its answer, and a heartbeat.
Conversation greeting() {
  Recorder recorder;
  recorder.note("An agent comes back.");
  core::Hello hello;
  hello.kind = core::PeerKind::kAgent;
  hello.protocol_min = hello.protocol_max = kProtocolVersion;
  hello.features = 1;
  hello.peer_id = 0xa1a2a3a4a5a6a7a8;
  EXPECT_TRUE(recorder.add("agent", false, encoded(hello, 7)).ok());
  EXPECT_TRUE(recorder.add("agent", true, encoded(core::Welcome{1, 1, 0xc1, "x", 0}, 7)).ok());
  recorder.add_break("agent");
  return recorder.conversation();
}

core::Hello hello_today() {
  core::Hello hello;
  hello.kind = core::PeerKind::kAgent;
  hello.protocol_min = hello.protocol_max = kProtocolVersion;
  hello.features = 1;
  hello.peer_id = 0xb1;
  return hello;
}

std::string heard(Replay& replay, const Line& line, const ByteVector& frame) {
  const auto view = view_of(frame);
  EXPECT_TRUE(view.ok()) << view.status();
  return view.ok() ? replay.hear(line, *view) : "";
}

TEST(ConversationText, IsReadAsItIsWritten) {
  const Conversation conversation = greeting();
  const std::string text = to_text(conversation);
  EXPECT_NE(text.find("\n# An agent comes back.\nagent > HELLO 5348"), std::string::npos) << text;
  EXPECT_NE(text.find("{agent.1}"), std::string::npos) << text;
  EXPECT_NE(text.find("\nid cluster.1 c100000000000000\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\nagent broken\n"), std::string::npos) << text;
  const Conversation back = parsed(text);
  EXPECT_EQ(back.ids, conversation.ids);
  ASSERT_EQ(back.lines.size(), 3u);
  EXPECT_EQ(back.lines[1].hex, conversation.lines[1].hex);
  EXPECT_TRUE(back.lines[1].from_master);
  EXPECT_TRUE(back.lines[2].is_break);
}

TEST(ConversationText, WhatIsWrongIsToldWithItsLine) {
  EXPECT_EQ(refused_text("\nagent says hello"),
            "line 2: a line is \"PEER >|< NAME FRAME\" or \"PEER broken\"");
  EXPECT_EQ(refused_text("agent > SHOUT 00"), "line 1: no message has the name SHOUT");
  EXPECT_EQ(refused_text("agent > HELLO 0g"), "line 1: the frame is not hex with {names} of ids");
  EXPECT_EQ(refused_text("agent > HELLO 00{a.1"),
            "line 1: the frame is not hex with {names} of ids");
  EXPECT_EQ(refused_text("agent > HELLO 00{a.1}"),
            "line 1: the frame names an id that no line above tells");
  EXPECT_EQ(refused_text("id a.1 00"), "line 1: an id has 8 or 16 bytes");
  EXPECT_EQ(refused_text("id a.1 0000000000000000\nid a.1 0000000000000000"),
            "line 2: this id is there twice");
}

TEST(ConversationReplay, PlaysThePeerWithIdsAsRecorded) {
  const Conversation conversation = greeting();
  Replay replay(conversation);
  const ByteVector hello = replay.say(conversation.lines[0]);
  EXPECT_EQ(decode<core::Hello>(payload_of(hello))->peer_id, 0xa1a2a3a4a5a6a7a8u);
  // The cluster's id is the answer's to draw, and more features are no fault.
  EXPECT_EQ(heard(replay, conversation.lines[1], encoded(core::Welcome{1, 3, 0xdd, "y", 0}, 7)),
            "");
}

TEST(ConversationReplay, PlaysTheMasterWithWhatThePeerDraws) {
  const Conversation conversation = greeting();
  Replay replay(conversation);
  EXPECT_EQ(heard(replay, conversation.lines[0], encoded(hello_today(), 9)), "");
  const ByteVector welcome = replay.say(conversation.lines[1]);
  const auto view = view_of(welcome);
  ASSERT_TRUE(view.ok());
  EXPECT_EQ(view->header.correlation, 9u);  // the asker's own
  EXPECT_EQ(decode<core::Welcome>(view->payload)->cluster_id, 0xc1u);
}

TEST(ConversationReplay, ADrawnIdStaysTheSame) {
  Recorder recorder;
  const core::AgentFailure failure{core::AgentId{0xa1a2a3a4a5a6a7a8}};
  ASSERT_TRUE(recorder.add("framework", true, encoded(failure)).ok());
  ASSERT_TRUE(recorder.add("framework", true, encoded(failure)).ok());
  Replay replay(recorder.conversation());
  const auto& lines = recorder.conversation().lines;
  EXPECT_EQ(heard(replay, lines[0], encoded(core::AgentFailure{core::AgentId{5}})), "");
  EXPECT_EQ(heard(replay, lines[1], encoded(core::AgentFailure{core::AgentId{5}})), "");
  EXPECT_NE(heard(replay, lines[1], encoded(core::AgentFailure{core::AgentId{6}})), "");
}

TEST(ConversationReplay, ChangedMeaningsAreTold) {
  const Conversation conversation = greeting();
  const auto hears = [&](std::size_t line, const ByteVector& frame) {
    Replay replay(conversation);
    return heard(replay, conversation.lines[line], frame);
  };
  EXPECT_EQ(hears(1, encoded(core::Refusal{}, 7)), "REFUSAL instead of WELCOME");
  EXPECT_EQ(hears(1, encoded(core::Welcome{2, 1, 0xdd, "x", 0}, 7)),
            "WELCOME.protocol: 2 instead of protocol: 1");
  EXPECT_EQ(hears(1, encoded(core::Welcome{1, 2, 0xdd, "x", 0}, 7)),
            "WELCOME.features: bits 0x2 instead of features: bits 0x1");
  EXPECT_EQ(hears(1, encoded(core::Welcome{1, 1, 0, "x", 0}, 7)).substr(0, 29),
            "WELCOME.cluster: none instead");
  EXPECT_EQ(hears(1, encoded(core::Welcome{1, 1, 0xdd, "x", 0}, 8)),
            "WELCOME answers 8 instead of 7");
  core::Hello hello = hello_today();
  hello.protocol_max = 2;
  EXPECT_EQ(hears(0, encoded(hello)), "");
  hello.protocol_min = 2;
  EXPECT_EQ(hears(0, encoded(hello)), "HELLO.protocols: 2 to 2 instead of protocols: 1 to 1");
}

// Offers' ids are small numbers, which also stand elsewhere in a frame.
TEST(ConversationRecorder, TakesOnlyTheIdForTheId) {
  Recorder recorder;
  core::Rescind rescind;
  rescind.offers = {core::OfferId{0, 1}};
  const ByteVector frame = encoded(rescind);
  ASSERT_TRUE(recorder.add("framework", true, frame).ok());
  const Line& line = recorder.conversation().lines[0];
  EXPECT_EQ(line.hex.find("{offer.1}"), line.hex.rfind("{offer.1}"));
  Replay replay(recorder.conversation());
  EXPECT_EQ(replay.say(line), frame);
}

// Every file of every release: each line decodes, and is what its name says.
TEST(RecordedConversations, AreSound) {
  for (const std::string_view name : {"agent", "framework"}) {
    const auto paths = recorded(name);
    EXPECT_FALSE(paths.empty()) << name;
    for (const std::filesystem::path& path : paths) {
      SCOPED_TRACE(path);
      const auto conversation = read_conversation(path);
      ASSERT_TRUE(conversation.ok()) << conversation.status();
      Replay replay(*conversation);
      for (const Line& line : conversation->lines) {
        if (line.is_break) continue;
        const ByteVector frame = replay.say(line);
        const auto view = view_of(frame);
        ASSERT_TRUE(view.ok()) << view.status();
        EXPECT_EQ(view->header.kind, static_cast<std::uint16_t>(line.kind));
        const auto facts = facts_of(*view);
        EXPECT_TRUE(facts.ok()) << facts.status();
      }
    }
  }
}

}  // namespace
}  // namespace shoal::wire
