// The operator API against a real master on two reactors, with an agent and a framework.
#include "master/api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "master/master.h"
#include "tests/master/frame_client.h"

namespace shoal::master {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using wire::MessageKind;

struct Answer {
  int status = 0;
  std::string head;
  std::string text;
  json body;
};

// Of a connection that was closed: chunks are put together.
Answer parse_answer(const std::string& raw) {
  Answer answer;
  const std::size_t end = raw.find("\r\n\r\n");
  if (end == std::string::npos) return answer;
  answer.head = raw.substr(0, end);
  answer.status = std::stoi(raw.substr(9, 3));
  std::string rest = raw.substr(end + 4);
  if (answer.head.find("chunked") == std::string::npos) {
    answer.text = rest;
  } else {
    for (std::size_t at = 0; at < rest.size();) {
      const std::size_t line = rest.find("\r\n", at);
      const std::size_t size = std::stoul(rest.substr(at, line - at), nullptr, 16);
      answer.text += rest.substr(line + 2, size);
      at = line + 2 + size + 2;
      if (size == 0) break;
    }
  }
  answer.body = json::parse(answer.text, nullptr, false);
  return answer;
}

class ApiTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "shoal-api-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    options.listen = "127.0.0.1:0";
    options.data_dir = pattern;
    options.reactors = 2;
    net::LogOptions logging;
    logging.daemon = "master";
    logging.sink = [](std::string_view) {};
    log = std::make_unique<net::Log>(std::move(logging));
    options.log = log.get();
    options.version = "test";
    std::promise<std::string> ready;
    options.on_ready = [&ready](const std::string& bound) { ready.set_value(bound); };
    thread = std::thread([this] { result = run_master(options); });
    address = ready.get_future().get();
    agent = std::make_unique<FrameClient>(address);
    agent->greet(core::PeerKind::kAgent);
    core::RegisterAgent registration;
    registration.incarnation = 1;
    registration.hostname = "h0";
    registration.address = "127.0.0.1:1";
    registration.resources = core::parse_resources("cpus:4;mem:1000").value();
    agent->send(registration);
    agent_id = agent->expect<core::AgentRegistered>(MessageKind::kAgentRegistered)->agent;
    framework = std::make_unique<FrameClient>(address);
    framework->greet(core::PeerKind::kFramework);
    core::Subscribe subscribe;
    subscribe.name = "f";
    subscribe.user = "u";
    framework->send(subscribe);
    framework_id = framework->expect<core::Subscribed>(MessageKind::kSubscribed)->framework;
  }
  void TearDown() override {
    agent.reset();
    framework.reset();
    ::kill(::getpid(), SIGTERM);
    thread.join();
    EXPECT_TRUE(result.ok()) << result;
    std::filesystem::remove_all(options.data_dir);
  }

  void launch(const std::string& id) {
    const auto offers = framework->expect<core::Offers>(MessageKind::kOffers);
    ASSERT_TRUE(offers.has_value());
    core::Accept accept;
    accept.offers = {offers->offers[0].id};
    core::TaskLaunch task;
    task.id = id;
    task.name = id;
    task.resources = core::parse_resources("cpus:1").value();
    accept.tasks.push_back(task);
    framework->send(accept);
    EXPECT_TRUE(agent->expect<core::RunTask>(MessageKind::kRunTask).has_value());
  }

  Answer ask(const std::string& method, const std::string& target, const std::string& body = "",
             const std::string& more = "Content-Type: application/json\r\n") {
    FrameClient client(address);
    std::string request = method + " " + target + " HTTP/1.1\r\nHost: " + address + "\r\n" + more +
                          "Connection: close\r\n";
    if (!body.empty()) request += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    request += "\r\n" + body;
    client.send_raw(request.data(), request.size());
    EXPECT_TRUE(client.wait_closed()) << target;
    return parse_answer(std::string(client.text()));
  }
  Answer get(const std::string& target) { return ask("GET", target); }
  std::string error_of(const Answer& answer) {
    return answer.body.is_object() && answer.body.contains("error")
               ? answer.body["error"]["message"].get<std::string>()
               : "no error: " + answer.text;
  }

  std::unique_ptr<net::Log> log;
  MasterOptions options;
  std::string address;
  std::thread thread;
  absl::Status result;
  std::unique_ptr<FrameClient> agent;
  std::unique_ptr<FrameClient> framework;
  core::AgentId agent_id;
  core::FrameworkId framework_id;
};

TEST_F(ApiTest, RecordsAreReadInListsAndByThemselves) {
  launch("t1");
  const Answer tasks = get("/v1/tasks");
  ASSERT_EQ(tasks.status, 200);
  ASSERT_EQ(tasks.body["tasks"].size(), 1u) << tasks.text;
  EXPECT_EQ(tasks.body["tasks"][0]["id"], "t1");
  EXPECT_TRUE(tasks.body["next"].is_null());
  EXPECT_EQ(get("/v1/tasks/t1").body["state"], "TASK_STAGING");
  EXPECT_EQ(get("/v1/agents/" + to_string(agent_id)).body["hostname"], "h0");
  EXPECT_EQ(get("/v1/frameworks/" + to_string(framework_id)).body["name"], "f");
  EXPECT_EQ(get("/v1/cluster").body["tasks_active"], 1);
  EXPECT_EQ(get("/v1/roles").body["roles"][0]["role"], "*");
  EXPECT_EQ(get("/v1/reactors").body["reactors"].size(), 2u);
  EXPECT_GE(get("/v1/registry").body["rows_stored"], 1);
  EXPECT_EQ(get("/openapi.json").body["openapi"], "3.0.3");
}

TEST_F(ApiTest, ListsAreNarrowedAndCut) {
  launch("t1");
  EXPECT_EQ(get("/v1/tasks?state=staging&fields=id,state").body["tasks"],
            json::parse(R"([{"id":"t1","state":"TASK_STAGING"}])"));
  EXPECT_TRUE(get("/v1/tasks?state=running,TASK_FAILED").body["tasks"].empty());
  EXPECT_EQ(get("/v1/tasks?agent=" + to_string(agent_id)).body["tasks"].size(), 1u);
  EXPECT_TRUE(get("/v1/agents?hostname=other").body["agents"].empty());
  const Answer first = get("/v1/agents?limit=1");
  EXPECT_EQ(first.body["agents"].size(), 1u);
  if (!first.body["next"].is_null()) {
    const std::string cursor = first.body["next"];
    EXPECT_TRUE(get("/v1/agents?limit=1&cursor=" + cursor).body["agents"].empty());
  }
}

TEST_F(ApiTest, ActionsAreDone) {
  launch("t1");
  const std::string id = to_string(agent_id);
  EXPECT_EQ(ask("PUT", "/v1/quotas/eng/ads", R"({"limits":{"cpus":2}})").status, 200);
  EXPECT_EQ(get("/v1/quotas/eng/ads").body["limits"]["cpus"], 2);
  EXPECT_EQ(ask("DELETE", "/v1/quotas/eng/ads", "", "").status, 200);
  EXPECT_EQ(get("/v1/quotas/eng/ads").status, 404);
  EXPECT_EQ(ask("PUT", "/v1/weights/eng", R"({"weight":2.5})").status, 200);
  EXPECT_EQ(get("/v1/weights/eng").body["weight"], 2.5);
  EXPECT_EQ(ask("POST", "/v1/agents/" + id + "/deactivate").status, 200);
  EXPECT_EQ(get("/v1/agents/" + id).body["mode"], "deactivated");
  EXPECT_EQ(ask("POST", "/v1/agents/" + id + "/reactivate", "{}").status, 200);
  EXPECT_EQ(ask("POST", "/v1/tasks/t1/kill",
                R"({"framework":")" + to_string(framework_id) + R"(","grace_ms":5})")
                .status,
            200);
  const auto kill = agent->expect<core::KillTask>(MessageKind::kKillTask);
  ASSERT_TRUE(kill.has_value());
  EXPECT_EQ(kill->grace_ms, 5);
  const Answer why = get("/v1/explain?framework=" + to_string(framework_id) + "&resources=cpus:99");
  EXPECT_EQ(why.body["agents"], 1) << why.text;
  EXPECT_EQ(ask("POST", "/v1/frameworks/" + to_string(framework_id) + "/teardown").status, 200);
  EXPECT_EQ(get("/v1/frameworks/" + to_string(framework_id)).body["state"], "completed");
}

TEST_F(ApiTest, WhatIsWrongIsSaid) {
  const std::string agent_path = "/v1/agents/" + to_string(agent_id);
  struct Wrong {
    const char* method;
    std::string target;
    const char* body;
    int status;
    const char* message;
  };
  const Wrong all[] = {
      {"GET", "/v1/nothing", "", 404, "there is no /v1/nothing"},
      {"GET", "/v1/", "", 404, "there is no /v1/"},
      {"GET", "/v1/tasks/t9", "", 404, "tasks has no t9"},
      {"GET", "/v1/agents/x", "", 400, "'x'"},
      {"GET", "/v1/agents/a-00000000000000ff", "", 404, "agents has no"},
      {"GET", "/v1/tasks?stat=x", "", 400, "parameter stat is not known here"},
      {"GET", "/v1/tasks?state=happy", "", 400, "'happy' is no state of tasks"},
      {"GET", "/v1/tasks?limit=0", "", 400, "limit must be from 1 to"},
      {"GET", "/v1/tasks?limit=1&limit=2", "", 400, "is there twice"},
      {"GET", "/v1/tasks?limit=99999999999999999999", "", 400, "limit must be"},
      {"GET", "/v1/tasks?cursor=abc", "", 400, "the cursor is none"},
      {"GET", "/v1/tasks?cursor=7~0~0~0~0~0~", "", 400, "other reactors"},
      {"GET", "/v1/tasks?cursor=2~9~0~0~0~0~", "", 400, "the cursor is none"},
      {"GET", "/v1/events?types=x", "", 400, "'x' is no type of event"},
      {"GET", "/v1/events?since=-1", "", 400, "is no cursor of events"},
      {"POST", "/v1/tasks", "{}", 405, "takes GET, HEAD"},
      {"GET", agent_path + "/drain", "", 405, "takes POST"},
      {"PUT", agent_path + "/drain", "{}", 405, "takes POST"},
      {"PATCH", "/v1/quotas/eng", "{}", 405, "takes GET, HEAD, PUT, DELETE"},
      {"POST", agent_path + "/drain", R"({"max_grace":1})", 400, "max_grace is not known"},
      {"POST", agent_path + "/operations", R"({"operation":"reserve"})", 400,
       "resources is missing"},
      {"POST", agent_path + "/operations", R"({"operation":"x","resources":"cpus:1"})", 400,
       "operation must be"},
      {"POST", "/v1/tasks/t9/kill", "{}", 400, "framework is missing"},
      {"POST", "/v1/agents/a-00000000000000ff/gone", "", 404, "no agent"},
      {"PUT", "/v1/quotas/a%20b", "{}", 400, "role"},
      {"PUT", "/v1/quotas/eng", R"({"guarantees":{"cpus":1000}})", 409, "cpus"},
      {"PUT", "/v1/weights/eng", R"({"weight":0})", 409, "weight"},
      {"PUT", "/v1/log-level", R"({"levels":"loud"})", 400, "'loud' is no level"},
      {"PUT", "/v1/log-level", "{}", 400, "levels is missing"},
      {"POST", "/v1/log-level", "{}", 405, "takes GET, HEAD, PUT"},
      {"POST", "/v1/debug/flight", "", 405, "takes GET, HEAD"},
      {"GET", "/v1/debug/flight?last=x", "", 400, "last and reactor are whole numbers"},
      {"GET", "/v1/explain?framework=f-00000000000000ff", "", 404, "no framework"},
  };
  for (const Wrong& wrong : all) {
    const Answer answer = ask(wrong.method, wrong.target, wrong.body);
    EXPECT_EQ(answer.status, wrong.status) << wrong.target << " " << answer.text;
    EXPECT_THAT(error_of(answer), HasSubstr(wrong.message)) << wrong.target;
  }
}

TEST_F(ApiTest, LevelsOfTheLogChangeWhileItRuns) {
  EXPECT_EQ(get("/v1/log-level").body["levels"]["net"], "info");
  const Answer changed = ask("PUT", "/v1/log-level", R"({"levels":"warn,net=debug"})");
  EXPECT_EQ(changed.body["levels"]["net"], "debug");
  EXPECT_EQ(get("/v1/log-level").body["levels"]["master"], "warn");
  EXPECT_TRUE(log->is_on(core::LogModule::kNet, core::LogLevel::kDebug));
  EXPECT_FALSE(log->is_on(core::LogModule::kMaster, core::LogLevel::kInfo));
}

TEST_F(ApiTest, WhatItsReactorsDidLastIsKept) {
  launch("t1");
  std::set<std::string> peers;
  bool was_launched = false;
  const json flight = get("/v1/debug/flight").body;
  for (const json& reactor : flight["reactors"]) {
    for (const json& entry : reactor["entries"]) {
      if (entry["kind"] == "peer") peers.insert(entry["id"].get<std::string>());
      was_launched =
          was_launched || (entry["kind"] == "frame_out" && entry["message"] == "RUN_TASK");
    }
  }
  EXPECT_EQ(peers, (std::set<std::string>{to_string(agent_id), to_string(framework_id)}));
  EXPECT_TRUE(was_launched);
  EXPECT_EQ(get("/v1/debug/flight?reactor=1&last=2").body["reactors"].size(), 1u);
}

TEST_F(ApiTest, PagesOfOthersDoNotAct) {
  const std::string json_type = "Content-Type: application/json\r\n";
  const auto refused = [&](const std::string& headers) {
    return error_of(ask("PUT", "/v1/weights/eng", R"({"weight":2})", headers));
  };
  EXPECT_THAT(refused(""), HasSubstr("application/json"));
  EXPECT_THAT(refused("Content-Type: text/plain\r\n"), HasSubstr("application/json"));
  EXPECT_THAT(refused(json_type + "Origin: http://evil.example\r\n"), HasSubstr("are refused"));
  EXPECT_EQ(ask("PUT", "/v1/weights/eng", R"({"weight":2})",
                json_type + "Origin: http://" + address + "\r\n")
                .status,
            200);
}

TEST_F(ApiTest, EventsAreStreamedAndResumed) {
  const Answer before = get("/v1/events?since=oldest&follow=false");
  EXPECT_THAT(before.text, HasSubstr("event: agent\n"));
  EXPECT_THAT(before.text, HasSubstr("event: framework\n"));
  const std::size_t last = before.text.rfind("id: ");
  ASSERT_NE(last, std::string::npos);
  const std::string cursor = before.text.substr(last + 4, before.text.find('\n', last) - last - 4);
  launch("t1");
  const Answer after = get("/v1/events?follow=false&since=" + cursor);
  EXPECT_THAT(after.text, testing::Not(HasSubstr("event: agent\n")));
  EXPECT_THAT(after.text, HasSubstr(R"("task":"t1")"));
  EXPECT_THAT(get("/v1/events?follow=false&types=role&since=" + cursor).text,
              testing::Not(HasSubstr("event:")));
  const Answer other = get("/v1/events?follow=false&since=00000000000000ff-1-1");
  EXPECT_THAT(other.text, HasSubstr("event: restarted\n"));
  EXPECT_THAT(other.text, HasSubstr("event: agent\n"));
}

TEST_F(ApiTest, AHeadIsNoWatcher) {
  const Answer answer = ask("HEAD", "/v1/events");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.text, "");
}

TEST_F(ApiTest, EventsComeWhileOneWatches) {
  FrameClient watcher(address);
  const std::string request = "GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n";
  watcher.send_raw(request.data(), request.size());
  EXPECT_TRUE(watcher.wait_text("retry: 1000"));
  launch("t1");
  EXPECT_TRUE(watcher.wait_text(R"("task":"t1")"));
}

}  // namespace
}  // namespace shoal::master
