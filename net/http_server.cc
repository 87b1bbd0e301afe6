#include "net/http_server.h"

#include <utility>

#include "net/http_connection.h"

namespace shoal::net {

HttpServer::HttpServer(Reactor& reactor, HttpHandler* handler, const HttpOptions& options)
    : state_(new State{reactor, this, handler, options, 0, {}}) {}

HttpServer::~HttpServer() = default;

void HttpServer::adopt(StreamPtr stream) {
  const std::uint64_t id = ++state_->last_id;
  state_->connections.emplace(id, std::make_unique<HttpConnection>(*state_, std::move(stream), id));
}

HttpConnection* HttpResponder::find() const {
  if (server_ == nullptr) return nullptr;
  const auto found = server_->state_->connections.find(connection_);
  if (found == server_->state_->connections.end()) return nullptr;
  return found->second->is_answering(request_) ? found->second.get() : nullptr;
}

bool HttpResponder::is_alive() const { return find() != nullptr; }

bool HttpResponder::respond(const HttpResponse& response) {
  HttpConnection* connection = find();
  if (connection == nullptr) return false;
  connection->respond(response);
  return true;
}

bool HttpResponder::begin_stream(const HttpResponse& response) {
  HttpConnection* connection = find();
  if (connection == nullptr) return false;
  connection->begin_stream(response);
  return true;
}

bool HttpResponder::write(std::string_view part) {
  HttpConnection* connection = find();
  return connection != nullptr && connection->write_part(part);
}

bool HttpResponder::end_stream() {
  HttpConnection* connection = find();
  return connection != nullptr && connection->end_stream();
}

std::size_t HttpResponder::backlog_bytes() const {
  const HttpConnection* connection = find();
  return connection == nullptr ? 0 : connection->stream().output_bytes();
}

bool HttpResponder::is_slow() const { return backlog_bytes() > core::kSoftOutputBytes; }

void HttpResponder::on_drained(std::function<void()> callback) {
  HttpConnection* connection = find();
  if (connection != nullptr) connection->set_on_drained(std::move(callback));
}

void HttpResponder::on_closed(std::function<void()> callback) {
  HttpConnection* connection = find();
  if (connection != nullptr) connection->set_on_closed(std::move(callback));
}

}  // namespace shoal::net
