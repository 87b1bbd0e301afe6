#include "net/flight_recorder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "net/flight_json.h"
#include "tests/net/net_testing.h"

namespace shoal::net {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

core::TimePoint at(std::uint64_t ns) { return core::TimePoint(core::Duration(ns)); }

TEST(FlightRecorder, KeepsTheNewestInOrder) {
  FlightRecorder recorder;
  EXPECT_TRUE(recorder.entries().empty());
  recorder.note(at(5), FlightKind::kFrameIn, 7, 65535, std::uint64_t{1} << 63);
  ASSERT_EQ(recorder.entries().size(), 1u);
  const FlightEntry first = recorder.entries()[0];
  EXPECT_EQ(first.at, at(5));
  EXPECT_EQ(first.kind, FlightKind::kFrameIn);
  EXPECT_EQ(first.peer, 7u);
  EXPECT_EQ(first.what, 65535);
  EXPECT_EQ(first.amount, std::uint64_t{1} << 63);
  for (std::uint64_t i = 0; i < FlightRecorder::kEntries + 10; ++i) {
    recorder.note(at(i), FlightKind::kMail, 0, 0, i);
  }
  const std::vector<FlightEntry> entries = recorder.entries();
  ASSERT_EQ(entries.size(), FlightRecorder::kEntries);
  for (std::uint64_t i = 0; i < entries.size(); ++i) EXPECT_EQ(entries[i].amount, i + 10);
  EXPECT_EQ(recorder.noted(), FlightRecorder::kEntries + 11);
}

// The parts of an entry say whether they belong together.
TEST(FlightRecorder, NoEntryIsTornWhileItIsRead) {
  FlightRecorder recorder;
  std::atomic<bool> is_done{false};
  std::thread writer([&] {
    for (std::uint64_t i = 0; i < 400'000; ++i) {
      recorder.note(at(i), FlightKind::kMail, i ^ 0x5555, static_cast<std::uint16_t>(i), ~i);
    }
    is_done = true;
  });
  std::uint64_t read = 0;
  while (!is_done) {
    std::uint64_t previous = 0;
    for (const FlightEntry& entry : recorder.entries()) {
      const auto i = static_cast<std::uint64_t>(entry.at.time_since_epoch().count());
      ASSERT_EQ(entry.peer, i ^ 0x5555);
      ASSERT_EQ(entry.amount, ~i);
      ASSERT_EQ(entry.what, static_cast<std::uint16_t>(i));
      ASSERT_TRUE(previous == 0 || i == previous + 1);
      previous = i;
      ++read;
    }
  }
  writer.join();
  EXPECT_EQ(recorder.entries().size(), FlightRecorder::kEntries);
}

TEST(FlightRecorder, OfAReactorHoldsItsLongTurns) {
  testing::Reactors reactors(1);
  reactors.start();
  reactors.on(0, [&] {
    const core::TimePoint begin = reactors[0].now();
    while (std::chrono::steady_clock::now() - begin < std::chrono::milliseconds(2)) {
    }
  });
  reactors.on(0, [] {});  // the turn has ended
  const std::vector<FlightEntry> entries = reactors[0].flight().entries();
  ASSERT_FALSE(entries.empty());
  EXPECT_EQ(entries[0].kind, FlightKind::kTurn);
  EXPECT_GE(entries[0].amount, 2'000'000u);
  EXPECT_GE(reactors[0].counters().turn_time.count(), 1u);
  EXPECT_GT(reactors[0].counters().last_turn_ns.value(), 0u);
}

class FlightPageTest : public ::testing::Test {
 protected:
  FlightPageTest() {
    words_.message = [](std::uint16_t kind) { return kind == 1 ? "HELLO" : ""; };
    words_.peer = [](std::uint16_t what, std::uint64_t id) {
      return (what == kFlightAgent ? "a-" : "f-") + std::to_string(id);
    };
    FlightRecorder& flight = reactors_[0].flight();
    flight.note(at(1), FlightKind::kOpened, 0x0100000000000002, 0, 0);
    flight.note(at(1), FlightKind::kFrameIn, 0x0100000000000002, 1, 64);
    flight.note(at(1), FlightKind::kFrameOut, 0x0100000000000002, 999, 32);
    flight.note(at(1), FlightKind::kPeer, 0x0100000000000002, kFlightAgent, 9);
    flight.note(at(1), FlightKind::kClosed, 0x0100000000000002, 14, 0);
    flight.note(at(1), FlightKind::kHttp, 0, 404, 10);
    flight.note(at(1), FlightKind::kTurn, 0, 0, 1'500'000);
    reactors_[1].flight().note(at(1), FlightKind::kMail, 0, 0, 3);
  }
  absl::StatusOr<HttpResponse> ask(const std::string& query) {
    HttpRequest request;
    request.query = query;
    return flight_response(request, {&reactors_[0], &reactors_[1]}, words_);
  }
  std::string get(const std::string& query) { return ask(query)->body; }
  testing::Reactors reactors_{2};
  FlightWords words_;
};

TEST_F(FlightPageTest, SaysWhatHappenedInWords) {
  const std::string text = get("");
  const std::string session = R"("session":"0100000000000002")";
  const std::vector<std::string> parts = {
      R"({"reactors":[{"reactor":0,"noted":7,"entries":[{"at_us":)",
      R"("kind":"opened",)" + session + "}",
      R"("kind":"frame_in",)" + session + R"(,"message":"HELLO","bytes":64})",
      R"("kind":"frame_out",)" + session + R"(,"message":"999","bytes":32})",
      R"("kind":"peer",)" + session + R"(,"id":"a-9"})",
      R"("kind":"closed",)" + session + R"(,"why":"UNAVAILABLE"})",
      R"("kind":"http","status":404,"bytes":10})",
      R"("kind":"turn","us":1500})",
      R"({"reactor":1,"noted":1,"entries":[)",
      R"("kind":"mail","messages":3})"};
  for (const std::string& part : parts) EXPECT_THAT(text, HasSubstr(part));
}

TEST_F(FlightPageTest, ShowsAsMuchAsIsAskedFor) {
  EXPECT_THAT(get("last=1"), Not(HasSubstr("opened")));
  EXPECT_THAT(get("last=1&reactor=0"), HasSubstr(R"("kind":"turn")"));
  EXPECT_THAT(get("reactor=1"), Not(HasSubstr("turn")));
  EXPECT_THAT(get("last=0"), HasSubstr(R"("noted":7,"entries":[]})"));
  EXPECT_EQ(get("reactor=5"), "{\"reactors\":[]}\n");
  for (const char* query : {"last=x", "last=-1", "reactor=", "reactor=99999999999999999999"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ask(query).status())) << query;
  }
}

}  // namespace
}  // namespace shoal::net
