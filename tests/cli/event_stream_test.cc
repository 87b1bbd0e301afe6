#include "cli/event_stream.h"

#include <gtest/gtest.h>

#include <vector>

#include "cli/events.h"

namespace shoal::cli {
namespace {

constexpr const char* kText =
    "retry: 1000\n\n"
    "id: 1-0\nevent: task\ndata: {\"a\":1}\n\n"
    ": here\n\n"
    "event: lost\r\ndata:x\r\ndata: y\r\n\r\n"
    "id: 1-5\n\n";

TEST(EventStreamTest, EventsComeWholeInPartsOfAnySize) {
  const std::string text = kText;
  for (std::size_t size = 1; size <= text.size(); ++size) {
    std::vector<StreamedEvent> events;
    EventStream stream([&events](const StreamedEvent& event) { events.push_back(event); });
    for (std::size_t at = 0; at < text.size(); at += size) {
      ASSERT_TRUE(stream.feed(std::string_view(text).substr(at, size)).ok());
    }
    ASSERT_EQ(events.size(), 2u);
    EXPECT_EQ(events[0].id, "1-0");
    EXPECT_EQ(events[0].type, "task");
    EXPECT_EQ(events[0].data, "{\"a\":1}");
    EXPECT_EQ(events[1].type, "lost");
    EXPECT_EQ(events[1].data, "x\ny");
    EXPECT_EQ(stream.last_id(), "1-5");
  }
}

TEST(EventStreamTest, AnEventWithoutEndIsRefused) {
  EventStream stream([](const StreamedEvent&) {});
  absl::Status read;
  for (int i = 0; i < 40 && read.ok(); ++i) read = stream.feed(std::string(64 * 1024, 'x'));
  EXPECT_TRUE(absl::IsResourceExhausted(read));
}

TEST(EventsTest, AnEventIsALine) {
  EXPECT_EQ(describe_event(R"({"type":"task","time":"2026-01-31T12:00:00.250Z","task":"t1",)"
                           R"("agent":"a-1","state":"TASK_FAILED","reason":"REASON_X",)"
                           R"("message":"no\nway"})"),
            "12:00:00.250 task      t1 is TASK_FAILED on a-1, REASON_X, no\\x0away\n");
  EXPECT_EQ(describe_event(R"({"type":"agent","agent":"a-1","hostname":"h","state":"active",)"
                           R"("mode":"draining"})"),
            "-            agent     a-1 (h) is active, draining\n");
  EXPECT_EQ(describe_event("no json\x1b"), "no json\\x1b\n");
}

}  // namespace
}  // namespace shoal::cli
