#include "cli/agent_http.h"

#include <memory>
#include <utility>

#include "core/status.h"
#include "core/text.h"
#include "net/address.h"

namespace shoal::cli {
namespace {

constexpr std::size_t kAtOnce = 64;

absl::StatusOr<net::HttpAnswer> checked(absl::StatusOr<net::HttpAnswer> answer) {
  if (!answer.ok() || answer->status == 200) return answer;
  std::string why = core::printable(core::strip(answer->body), 1000);
  if (why.empty()) why = fmt::format("the agent answered {}", answer->status);
  switch (answer->status) {
    case 400:
      return absl::InvalidArgumentError(why);
    case 403:
      return absl::PermissionDeniedError(why);
    case 404:
      return absl::NotFoundError(why);
    case 503:
      return absl::ResourceExhaustedError(why);
    default:
      return absl::InternalError(why);
  }
}

// All questions, a few at a time.
class Round {
 public:
  Round(net::Reactor& reactor, const std::vector<AgentQuestion>& questions)
      : reactor_(reactor),
        questions_(questions),
        answers_(questions.size(), absl::UnavailableError("not asked")),
        gets_(questions.size()) {}

  std::vector<absl::StatusOr<net::HttpAnswer>> run() {
    while (next_ < questions_.size() && under_way_ < kAtOnce) ask_next();
    if (under_way_ > 0) reactor_.run();
    return std::move(answers_);
  }

 private:
  void ask_next() {
    const std::size_t index = next_++;
    const AgentQuestion& question = questions_[index];
    const auto server = net::parse_host_port(question.address);
    if (!server.ok()) {
      answers_[index] = absl::UnavailableError("the agent announces no address");
      return;
    }
    ++under_way_;
    gets_[index] = std::make_unique<net::HttpCall>(
        reactor_, *server, question.target, net::HttpCallOptions{},
        [this, index](absl::StatusOr<net::HttpAnswer> answer) {
          answers_[index] = std::move(answer);
          --under_way_;
          while (next_ < questions_.size() && under_way_ < kAtOnce) ask_next();
          if (under_way_ == 0) reactor_.stop();
          gets_[index].reset();  // last: this function is part of it
        });
  }

  net::Reactor& reactor_;
  const std::vector<AgentQuestion>& questions_;
  std::vector<absl::StatusOr<net::HttpAnswer>> answers_;
  std::vector<std::unique_ptr<net::HttpCall>> gets_;
  std::size_t next_ = 0;
  std::size_t under_way_ = 0;
};

}  // namespace

std::vector<absl::StatusOr<net::HttpAnswer>> fetch(net::Reactor& reactor,
                                                   const std::vector<AgentQuestion>& questions) {
  return Round(reactor, questions).run();
}

std::vector<absl::StatusOr<net::HttpAnswer>> ask_agents(
    net::Reactor& reactor, const std::vector<AgentQuestion>& questions) {
  std::vector<absl::StatusOr<net::HttpAnswer>> answers = fetch(reactor, questions);
  for (absl::StatusOr<net::HttpAnswer>& answer : answers) answer = checked(std::move(answer));
  return answers;
}

absl::StatusOr<net::HttpAnswer> ask_agent(net::Reactor& reactor, const AgentQuestion& question) {
  return std::move(ask_agents(reactor, {question}).front());
}

}  // namespace shoal::cli
