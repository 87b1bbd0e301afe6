#include "cli/log_hub.h"

#include <utility>
#include <vector>

#include "core/status.h"

namespace shoal::cli {
namespace {

constexpr int kMaxFailures = 5;
constexpr int kReadsPerConnection = 16;  // what an agent serves on one
constexpr std::chrono::milliseconds kRetryAfter{200};

}  // namespace

LogHub::LogHub(net::Reactor& reactor)
    : reactor_(reactor), timer_(reactor, [this] { on_timer(); }) {}

// One with room for another read; nullptr when the address is none.
LogHub::Client* LogHub::client_of(const std::string& address) {
  for (Client& client : clients_) {
    const bool has_room = client.reads < kReadsPerConnection && !client.link->has_failed();
    if (has_room && client.address == address) return &client;
  }
  auto parsed = sdk::parse_log_address(address);
  if (!parsed.ok()) return nullptr;
  clients_.push_back({address, std::make_unique<sdk::LogClient>(reactor_, *std::move(parsed)), 0});
  return &clients_.back();
}

void LogHub::warm(const std::string& address) { client_of(address); }

void LogHub::tail(const std::string& address, sdk::LogRequest request, Callbacks callbacks) {
  const std::uint64_t id = next_id_++;
  tails_.emplace(id,
                 Tail{address, std::move(request), std::move(callbacks), 0, nullptr, false, {}});
  start(id);
}

void LogHub::start(std::uint64_t id) {
  Tail& tail = tails_.at(id);
  if (paused_ || tail.client != nullptr) return;
  Client* client = client_of(tail.address);
  if (client == nullptr) {
    tail.failures = kMaxFailures;
    return on_end(id, absl::UnavailableError("the agent serves no logs"));
  }
  tail.client = client;
  ++client->reads;
  sdk::LogCallbacks callbacks;
  callbacks.on_data = [this, id](wire::Bytes bytes) {
    Tail& at = tails_.at(id);
    at.request.offset += bytes.size();
    at.failures = 0;
    at.callbacks.on_data(
        std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  };
  callbacks.on_gap = [this, id](std::uint64_t bytes) {
    Tail& at = tails_.at(id);
    at.request.offset += bytes;
    if (at.callbacks.on_gap) at.callbacks.on_gap(bytes);
  };
  callbacks.on_end = [this, id](const absl::Status& status) { on_end(id, status); };
  client->link->read(tail.request, std::move(callbacks));
}

// The rest is left to the timer: clients must not be destroyed inside their callbacks.
void LogHub::on_end(std::uint64_t id, const absl::Status& status) {
  Tail& tail = tails_.at(id);
  if (tail.client != nullptr) --std::exchange(tail.client, nullptr)->reads;
  // An agent that serves too many readers has room when one of them is done.
  const bool is_busy = absl::IsResourceExhausted(status);
  if (is_busy || (absl::IsUnavailable(status) && ++tail.failures < kMaxFailures)) {
    if (!timer_.is_active()) timer_.start(kRetryAfter);
    return;
  }
  tail.ended = true;
  tail.end = status;
  timer_.start(core::Duration::zero());
}

void LogHub::on_timer() {
  std::erase_if(clients_,
                [this](const Client& client) { return paused_ || client.link->has_failed(); });
  std::vector<std::uint64_t> ids;
  for (const auto& [id, tail] : tails_) ids.push_back(id);
  for (const std::uint64_t id : ids) {
    const auto found = tails_.find(id);
    if (found == tails_.end()) continue;
    if (!found->second.ended) {
      start(id);
      continue;
    }
    const Tail tail = std::move(found->second);
    tails_.erase(found);
    tail.callbacks.on_end(tail.end);
  }
}

void LogHub::pause() {
  if (paused_) return;
  paused_ = true;
  for (auto& [id, tail] : tails_) tail.client = nullptr;
  timer_.start(core::Duration::zero());  // drops the connections
}

void LogHub::resume() {
  if (!paused_) return;
  paused_ = false;
  timer_.start(core::Duration::zero());
}

}  // namespace shoal::cli
