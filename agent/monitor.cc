#include "agent/monitor.h"

#include <algorithm>
#include <utility>

#include "net/clock.h"

namespace shoal::agent {

namespace {

// A child that nobody waits for takes what it used with it; the sum must not go down for that.
void raise_to(const UsageOfTask& before, UsageOfTask* usage) {
  usage->cpu_user_us = std::max(usage->cpu_user_us, before.cpu_user_us);
  usage->cpu_system_us = std::max(usage->cpu_system_us, before.cpu_system_us);
  usage->read_bytes = std::max(usage->read_bytes, before.read_bytes);
  usage->written_bytes = std::max(usage->written_bytes, before.written_bytes);
  usage->throttled_us = std::max(usage->throttled_us, before.throttled_us);  // none is the least
  usage->memory_peak_bytes = std::max(usage->memory_peak_bytes, before.memory_peak_bytes);
}

}  // namespace

Monitor::Monitor(net::Reactor& reactor, MonitorOptions options)
    : reactor_(reactor), options_(std::move(options)) {}

void Monitor::ask(Callback callback) {
  if (samples_ > 0 && reactor_.now() - sample_.sampled_at < options_.freshness)
    return callback(sample_);
  look_anew(std::move(callback));
}

void Monitor::look_anew(Callback callback) {
  waiting_.push_back(std::move(callback));
  if (work_ == nullptr) look();
}

void Monitor::look() {
  asked_ = options_.tasks();
  next_ = UsageSample{};
  next_.sampled_ms = net::wall_now_ms();
  work_ = std::make_unique<net::BackgroundTask>(
      reactor_,
      [this] {
        next_.machine = read_machine_usage(options_.data_dir);
        next_.machine.gpus = gpus_.read();
        next_.self = read_self_usage();
        found_ = options_.usage->read(asked_);
      },
      [this] { on_looked(); });
}

void Monitor::on_looked() {
  work_.reset();
  absl::flat_hash_map<std::string, UsageOfTask> seen;
  for (std::size_t i = 0; i < asked_.size() && i < found_.size(); ++i) {
    if (!found_[i].has_value()) continue;
    const auto before = last_.find(asked_[i].id.run_uuid);
    if (before != last_.end()) raise_to(before->second, &*found_[i]);
    seen.emplace(asked_[i].id.run_uuid, *found_[i]);
    next_.tasks.push_back({std::move(asked_[i]), *found_[i]});
  }
  last_ = std::move(seen);
  sample_ = std::move(next_);
  sample_.sampled_at = reactor_.now();
  ++samples_;
  for (const Callback& callback : std::exchange(waiting_, {})) callback(sample_);
}

}  // namespace shoal::agent
