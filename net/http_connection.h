// One HTTP client of an HttpServer: reads a request, waits for its answer, reads the next.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "core/time.h"
#include "net/http.h"
#include "net/http_parser.h"
#include "net/http_server.h"
#include "net/stream.h"

namespace shoal::net {

struct HttpServer::State {
  Reactor& reactor;
  HttpServer* server;
  HttpHandler* handler;
  HttpOptions options;
  std::uint64_t last_id = 0;
  absl::flat_hash_map<std::uint64_t, std::unique_ptr<HttpConnection>> connections;
};

class HttpConnection final : public StreamSink {
 public:
  HttpConnection(HttpServer::State& server, StreamPtr stream, std::uint64_t id);
  ~HttpConnection() override;

  // For HttpResponder; `request` was checked by find().
  bool is_answering(std::uint64_t request) const;
  void respond(const HttpResponse& response);
  void begin_stream(const HttpResponse& response);
  bool write_part(std::string_view part);
  bool end_stream();
  const Stream& stream() const { return *stream_; }
  void set_on_drained(std::function<void()> callback) { drained_ = std::move(callback); }
  void set_on_closed(std::function<void()> callback) { closed_ = std::move(callback); }

  void on_readable() override;
  void on_deadline() override;
  void on_stream_closed(const absl::Status& reason) override;
  void on_drained() override;
  void on_replay() override;

 private:
  enum class State : std::uint8_t { kReading, kAnswering, kStreaming, kEnded };

  void process();
  bool read_request();
  void note(const HttpResponse& response);  // in the flight recorder
  void write_head(const HttpResponse& response, bool has_length);
  void write_text(std::string_view text);
  void finish_answer();
  void refuse(int status, const char* text);
  void end(absl::Status reason);

  HttpServer::State& server_;
  StreamPtr stream_;
  const std::uint64_t id_;
  State state_ = State::kReading;
  bool processing_ = false;
  bool peer_done_ = false;  // sent its last byte
  bool keep_alive_ = false;
  bool is_head_ = false;
  bool is_chunked_ = false;
  bool in_body_ = false;
  std::uint64_t requests_ = 0;
  std::string input_;
  std::unique_ptr<HttpParser> parser_;  // while a request is being read or answered
  core::TimePoint body_start_{};
  std::size_t body_bytes_ = 0;
  std::function<void()> drained_;
  std::function<void()> closed_;
};

}  // namespace shoal::net
