// What the agent answers over HTTP:
//
//   /livez  /readyz?verbose  /health               whether it lives, and whether it can run tasks
//   /version                                       which build this is
//   /metrics                                       for Prometheus
//   /v1/log-level  /v1/debug/flight                levels of its log (PUT changes them, with
//                                                  {"levels":"net=debug"}); what its loop did last
//   /v1/usage                                      the machine and the tasks, as JSON
//   /v1/tasks/F/T/files?path=&run=                 a folder or file of a sandbox, as JSON
//   /v1/tasks/F/T/files/read?path=&run=&offset=&length=    bytes of a file, as they are
//
// F and T are the ids of framework and task, `run` the uuid of one of its runs (else the newest);
// tasks that have ended are there as long as their sandboxes are. Answers of `read` say in headers
// where they begin (Shoal-Offset: behind the hole of a log that was cut) and how large the file is
// (Shoal-Size). Errors are one line of text: 400 what was asked is malformed, 403 it leads out of
// the sandbox or is no regular file, 404, 405, 503 too much is asked at once.
//
// Threads: the reactor's. Files are looked at on libuv's pool.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>

#include "agent/log_cutter.h"
#include "agent/monitor.h"
#include "agent/sandbox_gc.h"
#include "agent/usage_pages.h"
#include "net/background.h"
#include "net/http_server.h"
#include "net/log.h"
#include "net/reactor.h"

namespace shoal::agent {

struct HttpApiOptions {
  std::string data_dir;
  Monitor* monitor = nullptr;
  const ExecutorCounters* launches = nullptr;
  net::Log* log = nullptr;  // nullptr: there is none
  std::function<AgentFacts()> facts;
  std::function<SandboxGcCounters()> sandboxes;
  std::function<LogCutterCounters()> logs;
};

class HttpApi final : public net::HttpHandler {
 public:
  // Requests for files that are worked on at one time.
  static constexpr std::size_t kMaxFileJobs = 32;
  static constexpr std::size_t kDefaultReadBytes = 64 * 1024;

  HttpApi(net::Reactor& reactor, HttpApiOptions options);

  void on_request(const net::HttpRequest& request, net::HttpResponder responder) override;

 private:
  struct FileJob {
    net::HttpResponder responder;
    net::HttpResponse response;
    std::unique_ptr<net::BackgroundTask> task;
  };

  void on_files(const net::HttpRequest& request, const std::vector<std::string>& parts,
                net::HttpResponder responder);
  void on_metrics(net::HttpResponder responder);
  bool on_debug(const net::HttpRequest& request, net::HttpResponder responder);
  net::HttpResponse health(const net::HttpRequest& request) const;
  void on_usage(net::HttpResponder responder);
  // `work` makes the answer, away from the loop.
  void answer_later(net::HttpResponder responder, std::function<net::HttpResponse()> work);

  net::Reactor& reactor_;
  HttpApiOptions options_;
  std::list<FileJob> jobs_;
};

}  // namespace shoal::agent
