// What an agent answers over HTTP, and what it does about old sandboxes and large logs meanwhile.
#include "agent/http_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "core/text.h"
#include "core/trace_id.h"
#include "tests/agent/agent_fixture.h"

namespace shoal::agent {
namespace {

using testing::HasSubstr;
using HttpApiTest = AgentTest;

TEST_F(HttpApiTest, FilesOfTasksAreListedAndRead) {
  start_and_wait(keeping_options());
  master_.run("t",
              "echo hello; mkdir out; echo 1234567890 > out/data; ln -s / out/root; "
              "ln -s data out/inside; exec sleep 600");
  ASSERT_TRUE(loop_.run_until([&] { return output("t") == "hello\n"; }));
  ASSERT_TRUE(get_until(files_of("t") + "?path=out", [](const net::HttpAnswer& answer) {
    return answer.body.find("inside") != std::string::npos;
  }));
  // As it is while the task runs, by the next agent, and when the task has ended.
  for (const char* stage : {"runs", "taken over", "ended"}) {
    SCOPED_TRACE(stage);
    EXPECT_THAT(get(files_of("t"))->body, HasSubstr(R"("name":"stdout","kind":"file","size":6,)"));
    EXPECT_THAT(get(files_of("t") + "?path=out")->body,
                HasSubstr(R"("name":"root","kind":"link")"));
    const auto part = get(files_of("t") + "/read?path=out/inside&offset=3&length=4");
    EXPECT_EQ(part->body, "4567");
    EXPECT_EQ(part->header("Shoal-Offset"), "3");
    EXPECT_EQ(part->header("Shoal-Size"), "11");
    EXPECT_EQ(part->header("Content-Type"), "application/octet-stream");
    EXPECT_EQ(part->header("X-Content-Type-Options"), "nosniff");
    if (stage == std::string("runs")) {
      stop();
      start_and_wait(keeping_options());
    } else if (stage == std::string("taken over")) {
      send_message(*master_.agent(), core::KillTask{kFramework, {}, "t", -1});
      ASSERT_TRUE(loop_.run_until([&] { return master_.has_ended("t"); }));
    }
  }
}

TEST_F(HttpApiTest, FilesOutsideAndNonsenseAreRefused) {
  start_and_wait();
  master_.run("t", "ln -s /etc etc; ln -s .. up; mkfifo fifo; echo ready; exec sleep 600");
  ASSERT_TRUE(loop_.run_until([&] { return output("t") == "ready\n"; }));
  for (const char* path : {"..", "../..", "etc/passwd", "up", "%2e%2e", "fifo"}) {
    EXPECT_EQ(get(files_of("t") + "/read?path=" + path)->status, 403) << path;
  }
  for (const char* path :
       {"/etc/passwd", "%2Fetc%2Fpasswd", "%00", "%ff", "%", "stdout&offset=-1", "stdout&offset=x",
        "stdout&offset=9223372036854775808", "stdout&length=1e3", "&run=..", "&run=a%2Fb"}) {
    EXPECT_EQ(get(files_of("t") + "/read?path=" + path)->status, 400) << path;
  }
  EXPECT_EQ(get(files_of("t") + "/read?path=none")->status, 404);
  EXPECT_EQ(get(files_of("none"))->status, 404);
  EXPECT_EQ(get(files_of("t") + "?run=00000000-0000-4000-8000-000000000000")->status, 404);
  EXPECT_EQ(get("/v1/tasks/x%20y/t/files")->status, 400);
  EXPECT_EQ(get(files_of("t") + "/write?path=stdout")->status, 404);
  EXPECT_EQ(get("/v1/tasks")->status, 404);
  EXPECT_EQ(get("/health")->body, "{\"status\":\"ok\"}\n");
}

TEST_F(HttpApiTest, ItSaysWhetherItCanRunTasks) {
  start_and_wait();
  EXPECT_EQ(get("/livez")->body, "{\"status\":\"ok\"}\n");
  EXPECT_EQ(get("/readyz?verbose")->body,
            R"({"status":"ok","checks":[{"name":"loop","ok":true},)"
            R"({"name":"registered","ok":true},{"name":"stays","ok":true}]})"
            "\n");
  AgentOptions alone = options();
  stop();
  alone.masters = {"127.0.0.1:1"};
  start(alone);
  EXPECT_EQ(get("/livez")->status, 200);
  ASSERT_TRUE(get_until("/readyz", [](const net::HttpAnswer& answer) {
    return answer.body.find("registered: no session with 127.0.0.1:1") != std::string::npos;
  }));
  EXPECT_EQ(get("/readyz")->status, 503);
}

TEST_F(HttpApiTest, ItsLogAndWhatItDidLastCanBeLookedAt) {
  std::string written;
  net::LogOptions logging;
  logging.daemon = "agent";
  logging.sink = [&written](std::string_view lines) { written += lines; };
  net::Log log(std::move(logging));
  AgentOptions logged = options();
  logged.log = &log;
  start_and_wait(logged);
  EXPECT_THAT(get("/v1/log-level")->body, HasSubstr(R"("tasks":"info")"));
  log.set_levels(core::all_at(core::LogLevel::kDebug));
  master_.run("t", "true");
  ASSERT_TRUE(loop_.run_until([&] { return master_.has_ended("t"); }));
  log.flush();
  EXPECT_THAT(written, HasSubstr("shoal agent: host-1 with "));
  EXPECT_THAT(written,
              HasSubstr("shoal agent: a task runs framework=" + core::to_string(kFramework) +
                        " task=t trace=" + core::trace_id(kFramework, "t") + "\n"));
  const std::string flight = get("/v1/debug/flight")->body;
  EXPECT_THAT(flight, HasSubstr(R"("kind":"frame_in","session":)"));
  EXPECT_THAT(flight, HasSubstr(R"("message":"RUN_TASK")"));
  EXPECT_THAT(get("/metrics")->body, HasSubstr("shoal_agent_launch_seconds_count 1\n"));
  EXPECT_THAT(get("/metrics")->body, HasSubstr("shoal_agent_spawn_seconds_count 1\n"));
  stop();
}

TEST_F(HttpApiTest, UseIsToldAsMetricsAndJson) {
  start_and_wait();
  master_.run("busy", "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo ready; sleep 600");
  ASSERT_TRUE(loop_.run_until([&] { return output("busy") == "ready\n"; }));
  const std::string labels =
      fmt::format("{{framework=\"{}\",task=\"busy\"", core::to_string(kFramework));
  const auto metrics = get("/metrics");
  EXPECT_THAT(metrics->header("Content-Type"), testing::StartsWith("text/plain; version=0.0.4"));
  EXPECT_THAT(metrics->body, HasSubstr("\nshoal_agent_registered 1\n"));
  EXPECT_THAT(metrics->body, HasSubstr("\nshoal_agent_tasks 1\n"));
  EXPECT_THAT(metrics->body, HasSubstr("\nshoal_task_processes" + labels + "} 2\n"));
  EXPECT_THAT(metrics->body, testing::Not(HasSubstr("shoal_task_cpu_seconds_total" + labels +
                                                    ",mode=\"user\"} 0\n")));
  EXPECT_THAT(get("/v1/usage")->body, HasSubstr(R"("task":"busy")"));
}

TEST_F(HttpApiTest, OldSandboxesGoAndThoseInUseStay) {
  AgentOptions hasty = keeping_options();
  hasty.gc_delay = core::Duration::zero();
  hasty.disk_watch_interval = std::chrono::milliseconds(20);
  start_and_wait(hasty);
  master_.run("live", "echo ready; exec sleep 600");
  master_.acknowledges = false;
  master_.run("short", "echo done");
  ASSERT_TRUE(loop_.run_until([&] { return output("live") == "ready\n"; }));
  const std::string of_short = data(fmt::format("sandboxes/{}/short", core::to_string(kFramework)));
  ASSERT_TRUE(loop_.run_until([&] { return !std::filesystem::exists(of_short); }));
  EXPECT_EQ(get(files_of("short"))->status, 404);
  EXPECT_EQ(output("live"), "ready\n");
  // The next agent knows as well what it must not touch.
  stop();
  start_and_wait(hasty);
  ASSERT_TRUE(get_until("/metrics", [](const net::HttpAnswer& answer) {
    return answer.body.find("shoal_sandboxes_looks_total 0\n") == std::string::npos;
  }));
  EXPECT_EQ(output("live"), "ready\n");
}

TEST_F(HttpApiTest, LogsAreBoundedWhereThatIsWanted) {
  AgentOptions bounded = options();
  bounded.log_max_bytes = kMinLogMaxBytes;
  start_and_wait(bounded);
  master_.run("t", "seq 1 100000; echo end; exec sleep 600");
  const std::string head = files_of("t") + "/read?path=stdout&length=100";
  ASSERT_TRUE(loop_.run_until([&] { return output("t").ends_with("end\n"); }));
  const auto number = [](const net::HttpAnswer& answer, std::string_view name) {
    std::uint64_t value = 0;
    EXPECT_TRUE(core::parse_int(answer.header(name), &value)) << answer.body;
    return value;
  };
  // Between once and twice the bound is kept.
  ASSERT_TRUE(get_until(head, [&](const net::HttpAnswer& answer) {
    return number(answer, "Shoal-Size") - number(answer, "Shoal-Offset") < 2 * kMinLogMaxBytes;
  }));
  const auto answer = get(head);
  EXPECT_EQ(number(*answer, "Shoal-Size"), 588'899u);
  EXPECT_LE(number(*answer, "Shoal-Offset"), 588'899u - kMinLogMaxBytes);
  EXPECT_EQ(answer->body.size(), 100u);
  EXPECT_EQ(answer->body.find('\0'), std::string::npos);
  EXPECT_EQ(get(files_of("t") + "/read?path=stdout&offset=588888&length=100")->body,
            "100000\nend\n");
}

}  // namespace
}  // namespace shoal::agent
