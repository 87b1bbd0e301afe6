#include "sdk/operator_client.h"

#include <utility>

#include "core/status.h"
#include "net/address.h"
#include "net/timer.h"

namespace shoal::sdk {

absl::StatusOr<std::unique_ptr<OperatorClient>> OperatorClient::create(std::string_view master,
                                                                       core::Duration timeout) {
  auto address = net::parse_host_port(master);
  if (!address.ok()) return address.status();
  auto reactor = net::Reactor::create(0);
  if (!reactor.ok()) return reactor.status();
  std::unique_ptr<OperatorClient> client(new OperatorClient());
  client->timeout_ = timeout;
  client->reactor_ = *std::move(reactor);
  client->address_ = *std::move(address);
  return client;
}

OperatorConnection& OperatorClient::connection() {
  if (connection_ == nullptr || connection_->has_failed()) {
    connection_ = std::make_unique<OperatorConnection>(*reactor_, address_);
  }
  return *connection_;
}

// Turns the reactor until a callback has set `done` and stopped it. After a time-out the connection
// is dropped, so the late callback never comes.
absl::Status OperatorClient::wait(const bool& done) {
  net::Timer timer(*reactor_, [this] { reactor_->stop(); });
  timer.start(timeout_);
  reactor_->run();
  if (done) return absl::OkStatus();
  connection_.reset();
  return absl::DeadlineExceededError("the master did not answer in time");
}

absl::StatusOr<core::ClusterView> OperatorClient::query(core::QueryKind kind, std::string_view id) {
  bool done = false;
  absl::StatusOr<core::ClusterView> answer = absl::UnknownError("no answer");
  connection().query(kind, id, [&](absl::StatusOr<core::ClusterView> view) {
    answer = std::move(view);
    done = true;
    reactor_->stop();
  });
  if (auto status = wait(done); !status.ok()) return status;
  return answer;
}

absl::Status OperatorClient::kill(core::FrameworkId framework, std::string_view task,
                                  std::int64_t grace_ms) {
  bool done = false;
  absl::Status answer;
  connection().kill(framework, task, grace_ms, [&](const absl::Status& status) {
    answer = status;
    done = true;
    reactor_->stop();
  });
  if (auto status = wait(done); !status.ok()) return status;
  return answer;
}

absl::Status OperatorClient::teardown(core::FrameworkId framework) {
  bool done = false;
  absl::Status answer;
  connection().teardown(framework, [&](const absl::Status& status) {
    answer = status;
    done = true;
    reactor_->stop();
  });
  if (auto status = wait(done); !status.ok()) return status;
  return answer;
}

}  // namespace shoal::sdk
