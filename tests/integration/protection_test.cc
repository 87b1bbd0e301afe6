// A framework that floods the master, beside one that works: over the program itself.
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/integration/shoal_process.h"
#include "tests/master/frame_client.h"

namespace shoal::test {
namespace {

using master::FrameClient;
using wire::MessageKind;

constexpr std::uint32_t kCalls = 2000;

class FloodTest : public testing::Test {
 protected:
  FloodTest() {
    std::ofstream(folder_.path() + "/rates.json")
        << R"({"limits": [{"principal": "flood", "qps": 20, "capacity": 40}]})";
    const std::string ready = folder_.path() + "/ready.json";
    master_ = std::make_unique<Process>(std::vector<std::string>{
        SHOAL_BINARY, "master", "--listen", "127.0.0.1:0", "--data", folder_.path() + "/m",
        "--ready-file", ready, "--rate-limits", "@" + folder_.path() + "/rates.json"});
    EXPECT_TRUE(eventually([&] { return std::filesystem::exists(ready); }));
    std::ifstream file(ready);
    address_ = nlohmann::json::parse(file, nullptr, false).value("master", "");
    agent_ = std::make_unique<Process>(std::vector<std::string>{
        SHOAL_BINARY, "agent", "--master", address_, "--data", folder_.path() + "/a", "--resources",
        "cpus:4;mem:1000", "--isolation", "none", "--on-stop", "kill"});
  }
  ~FloodTest() override {
    for (Process* process : {agent_.get(), master_.get()}) {
      process->signal(SIGTERM);
      EXPECT_EQ(process->wait().exit_code, 0);
    }
  }

  TempFolder folder_;
  std::unique_ptr<Process> master_;
  std::unique_ptr<Process> agent_;
  std::string address_;
};

TEST_F(FloodTest, TheOneWaitsAndIsRefusedAndTheOtherIsServed) {
  FrameClient flood(address_);
  flood.greet(core::PeerKind::kFramework);
  core::Subscribe subscribe;
  subscribe.name = "flood";
  subscribe.user = "u";
  subscribe.roles = {"*"};
  subscribe.suppressed_roles = {"*"};
  flood.send(subscribe);
  ASSERT_TRUE(flood.expect<core::Subscribed>(MessageKind::kSubscribed).has_value());
  wire::ByteVector calls;
  for (std::uint32_t i = 1; i <= kCalls; ++i) wire::encode(core::Explain{}, i, calls);
  wire::encode(core::Heartbeat{77}, 0, calls);
  flood.send_raw(calls.data(), calls.size());

  // The heartbeat behind 2,000 calls is answered before those that wait.
  std::uint32_t refused = 0;
  std::uint32_t answered = 0;
  std::uint32_t last_answered = 0;
  bool is_beaten = false;
  bool is_other_served = false;
  std::uint32_t answered_after_beat = 0;
  while (refused + answered < kCalls) {
    const auto frame = flood.next();
    ASSERT_TRUE(frame != nullptr) << refused << " refused, " << answered << " answered";
    switch (static_cast<MessageKind>(frame->header.kind)) {
      case MessageKind::kHeartbeat:
        is_beaten = true;
        break;
      case MessageKind::kRefusal: {
        const auto refusal = wire::decode<core::Refusal>(frame->payload);
        ASSERT_TRUE(refusal.ok()) << refusal.status();
        EXPECT_EQ(refusal->code, core::RefusalCode::kOverloaded);
        EXPECT_GT(refusal->retry_after_ms, 0u);
        ++refused;
        break;
      }
      case MessageKind::kExplanation:
        EXPECT_GT(frame->header.correlation, last_answered);
        last_answered = frame->header.correlation;
        ++answered;
        answered_after_beat += is_beaten ? 1 : 0;
        break;
      default:
        break;
    }
    if (answered == 21 &&
        !is_other_served) {  // over the burst: some wait, and meanwhile another one's task runs
      const Result job = run({SHOAL_BINARY, "run", "--master", address_, "--", "echo", "served"});
      is_other_served = true;
      EXPECT_EQ(job.exit_code, 0) << job.err;
      EXPECT_EQ(job.out, "served\n");
    }
  }
  EXPECT_TRUE(is_beaten);
  EXPECT_TRUE(is_other_served);
  EXPECT_GE(answered_after_beat, 1u);
  EXPECT_GE(answered, 60u);
  EXPECT_GT(refused, kCalls / 2);
}

}  // namespace
}  // namespace shoal::test
