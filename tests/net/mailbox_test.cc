#include "net/mailbox.h"

#include <atomic>

#include "tests/net/net_testing.h"

namespace shoal::net {
namespace {

using testing::Inbox;
using testing::Reactors;

#if defined(__SANITIZE_THREAD__)
constexpr int kSends = 50'000;
#else
constexpr int kSends = 1'000'000;
#endif

TEST(SpscRing, FillsRefusesAndWraps) {
  SpscRing<std::unique_ptr<int>, 4> ring;
  EXPECT_TRUE(ring.is_empty());
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(ring.push(std::make_unique<int>(i)));
    auto fifth = std::make_unique<int>(5);
    EXPECT_FALSE(ring.push(std::move(fifth)));
    EXPECT_NE(fifth, nullptr);  // untouched
    std::unique_ptr<int> value;
    for (int i = 0; i < 4; ++i) {
      ASSERT_TRUE(ring.pop(&value));
      EXPECT_EQ(*value, i);
    }
    EXPECT_FALSE(ring.pop(&value));
  }
  EXPECT_TRUE(ring.push(std::make_unique<int>(1)));  // freed by the destructor
  EXPECT_EQ(ring.front_position(), 12u);
}

// Publishes with a plain release store, in bursts that meet the loop in every phase. It guards
// against gross mistakes only: without the fence in wake() the loss is so rare that 9 M sends of
// this test showed none. That the fence is needed is shown by the model (tests/net/model).
TEST(Wake, NoneIsLost) {
  Reactors reactors(1);
  SpscRing<int, 64> ring;
  std::atomic<int> delivered{0};
  reactors[0].at_wake([&] {
    int value = 0;
    while (ring.pop(&value)) delivered.store(value, std::memory_order_release);
  });
  reactors.start();
  int sent = 0;
  const auto wait_for = [&](int value) {
    const auto give_up = std::chrono::steady_clock::now() + testing::kPatience;
    while (delivered.load(std::memory_order_acquire) < value) {
      std::this_thread::yield();
      if (std::chrono::steady_clock::now() > give_up) return false;
    }
    return true;
  };
  while (sent < kSends) {
    // Bursts of 1 to 16, so that sends meet the loop in every phase.
    const int burst = 1 + sent % 16;
    for (int i = 0; i < burst; ++i) {
      ASSERT_TRUE(ring.push(int{++sent}));
      reactors[0].wake();
    }
    ASSERT_TRUE(wait_for(sent)) << "lost wake-up after " << sent << " sends";
  }
  reactors.stop();
}

struct Message {
  std::size_t from = 0;
  std::uint64_t number = 0;
};

// Every reactor sends `count` messages to every reactor, itself too, from its turns.
template <std::size_t kSlots>
void all_to_all(std::size_t size, std::uint64_t count) {
  Reactors reactors(size);
  MailboxGrid<Message, kSlots> grid(reactors.pointers());
  Inbox<std::size_t> done;
  std::vector<std::vector<std::uint64_t>> next(size, std::vector<std::uint64_t>(size, 0));
  std::vector<std::uint64_t> received(size, 0);
  for (std::size_t to = 0; to < size; ++to) {
    grid.receive(to, [&, to](std::size_t from, Message&& message) {
      ASSERT_EQ(message.from, from);
      ASSERT_EQ(message.number, next[to][from]) << "order";
      ++next[to][from];
      if (++received[to] == size * count) done.put(to);
    });
  }
  reactors.start();
  for (std::size_t from = 0; from < size; ++from) {
    for (std::uint64_t start = 0; start < count; start += 500) {
      reactors[from].post([&, from, start] {
        for (std::uint64_t n = start; n < std::min(count, start + 500); ++n) {
          for (std::size_t to = 0; to < size; ++to) grid.send(from, to, Message{from, n});
        }
      });
    }
  }
  for (std::size_t i = 0; i < size; ++i) ASSERT_TRUE(done.take().has_value());
  reactors.stop();
  std::uint64_t spilled = 0;
  for (std::size_t i = 0; i < size; ++i) {
    EXPECT_EQ(reactors[i].counters().mailbox_in.value(), size * count);
    EXPECT_EQ(reactors[i].counters().mailbox_out.value(), size * count);
    EXPECT_EQ(reactors[i].counters().mailbox_late_drains.value(), 0u);
    spilled += reactors[i].counters().mailbox_spilled.value();
  }
  if (kSlots < 500) {
    EXPECT_GT(spilled, 0u);
  }
}

TEST(MailboxGrid, AllToAll) {
  for (const std::size_t size : {1u, 2u, 4u}) all_to_all<core::kMailboxSlots>(size, 20'000);
}

TEST(MailboxGrid, FullRingsSpillAndKeepTheOrder) {
  for (const std::size_t size : {1u, 2u, 4u}) all_to_all<8>(size, 5'000);
}

TEST(MailboxGrid, OneWakeUpATurn) {
  Reactors reactors(2);
  MailboxGrid<int> grid(reactors.pointers());
  Inbox<int> got;
  grid.receive(1, [&](std::size_t, int&& value) {
    if (value == 1000) got.put(value);
  });
  reactors.start();
  reactors.on(1, [] {});
  const std::uint64_t before = reactors[1].counters().wakeups.value();
  reactors.on(0, [&] {
    for (int i = 1; i <= 1000; ++i) grid.send(0, 1, int{i});
  });
  EXPECT_EQ(got.take(), 1000);
  // One at the end of that turn; the turn that told us may have added its own look.
  EXPECT_LE(reactors[1].counters().wakeups.value(), before + 2);
  reactors.stop();
}

TEST(MailboxGrid, UndeliveredMessagesAreFreed) {
  Reactors reactors(2);
  MailboxGrid<std::unique_ptr<int>, 2> grid(reactors.pointers());
  for (int i = 0; i < 10; ++i) grid.send(0, 1, std::make_unique<int>(i));
  EXPECT_EQ(reactors[0].counters().mailbox_spilled.value(), 8u);
}

}  // namespace
}  // namespace shoal::net
