#include "sdk/operator_client.h"

#include <algorithm>
#include <utility>

#include "core/status.h"
#include "net/timer.h"

namespace shoal::sdk {

absl::StatusOr<std::unique_ptr<OperatorClient>> OperatorClient::create(std::string_view masters,
                                                                       core::Duration timeout) {
  auto parsed = net::parse_master_list(masters);
  if (!parsed.ok()) return parsed.status();
  auto reactor = net::Reactor::create(0);
  if (!reactor.ok()) return reactor.status();
  std::unique_ptr<OperatorClient> client(new OperatorClient());
  client->timeout_ = timeout;
  client->reactor_ = *std::move(reactor);
  client->masters_ = *std::move(parsed);
  return client;
}

OperatorConnection& OperatorClient::connection() {
  if (connection_ == nullptr || connection_->has_failed()) {
    connection_ = std::make_unique<OperatorConnection>(
        *reactor_, masters_,
        LinkOptions{std::min<core::Duration>(kElectionPatience, timeout_ * 3 / 4), &epoch_});
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

template <typename Answer, typename Ask>
absl::StatusOr<Answer> OperatorClient::ask(Ask ask) {
  bool done = false;
  absl::StatusOr<Answer> answer = absl::UnknownError("no answer");
  ask(connection(), [&](absl::StatusOr<Answer> received) {
    answer = std::move(received);
    done = true;
    reactor_->stop();
  });
  if (auto status = wait(done); !status.ok()) return status;
  return answer;
}

template <typename Ask>
absl::Status OperatorClient::command(Ask ask) {
  bool done = false;
  absl::Status answer;
  ask(connection(), [&](const absl::Status& status) {
    answer = status;
    done = true;
    reactor_->stop();
  });
  if (auto status = wait(done); !status.ok()) return status;
  return answer;
}

absl::StatusOr<core::ClusterView> OperatorClient::query(core::QueryKind kind, std::string_view id) {
  return ask<core::ClusterView>([&](OperatorConnection& connection, auto callback) {
    connection.query(kind, id, std::move(callback));
  });
}

absl::StatusOr<core::Explanation> OperatorClient::explain(const core::Explain& question) {
  return ask<core::Explanation>([&](OperatorConnection& connection, auto callback) {
    connection.explain(question, std::move(callback));
  });
}

absl::Status OperatorClient::kill(core::FrameworkId framework, std::string_view task,
                                  std::int64_t grace_ms) {
  return command([&](OperatorConnection& connection, auto callback) {
    connection.kill(framework, task, grace_ms, std::move(callback));
  });
}

absl::Status OperatorClient::teardown(core::FrameworkId framework) {
  return command([&](OperatorConnection& connection, auto callback) {
    connection.teardown(framework, std::move(callback));
  });
}

absl::Status OperatorClient::update_quota(const core::UpdateQuota& change) {
  return command([&](OperatorConnection& connection, auto callback) {
    connection.update_quota(change, std::move(callback));
  });
}

absl::Status OperatorClient::update_weights(const core::UpdateWeights& change) {
  return command([&](OperatorConnection& connection, auto callback) {
    connection.update_weights(change, std::move(callback));
  });
}

absl::Status OperatorClient::operate_agent(const core::OperateAgent& operation) {
  return command([&](OperatorConnection& connection, auto callback) {
    connection.operate_agent(operation, std::move(callback));
  });
}

absl::Status OperatorClient::manage_agent(const core::ManageAgent& wanted) {
  return command([&](OperatorConnection& connection, auto callback) {
    connection.manage_agent(wanted, std::move(callback));
  });
}

}  // namespace shoal::sdk
