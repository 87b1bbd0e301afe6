#include "agent/sandbox_gc.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/status.h"

namespace shoal::agent {

SandboxGc::SandboxGc(net::Reactor& reactor, SandboxGcOptions options)
    : reactor_(reactor),
      options_(std::move(options)),
      remover_(options_.data_dir),
      timer_(reactor, [this] { look(); }) {}

void SandboxGc::start() { timer_.start(core::Duration::zero()); }

void SandboxGc::keep(const KeepRule& rule, core::Duration interval) {
  next_rule_ = rule;
  options_.interval = interval;
  if (is_idle()) timer_.start(core::Duration::zero());
}

void SandboxGc::run(std::function<void()> work, void (SandboxGc::*done)()) {
  work_ = std::make_unique<net::BackgroundTask>(reactor_, std::move(work), [this, done] {
    work_.reset();
    (this->*done)();
  });
}

// What ended then or before is old.
std::int64_t SandboxGc::until(double usage, std::int64_t now_ms) const {
  const auto age =
      std::chrono::duration_cast<std::chrono::milliseconds>(options_.rule.max_age(usage));
  return now_ms - age.count();
}

void SandboxGc::look() {
  options_.rule = next_rule_;
  piece_ = Piece{};
  piece_.in_use = options_.in_use();
  piece_.now_ms = options_.wall_now_ms();
  run(
      [this] {
        piece_.usage = options_.usage(options_.data_dir);
        // A disk that cannot be asked is taken to be empty: only age counts then.
        piece_.scan =
            scan_sandboxes(options_.data_dir, until(piece_.usage.value_or(0.0), piece_.now_ms),
                           piece_.now_ms, piece_.in_use, kMostPerLook);
      },
      &SandboxGc::on_looked);
}

void SandboxGc::on_looked() {
  ++counters_.looks;
  counters_.disk_usage = piece_.usage.value_or(0.0);
  counters_.max_age = options_.rule.max_age(counters_.disk_usage);
  complain(piece_.usage.ok() ? piece_.scan.status() : piece_.usage.status());
  if (piece_.scan.ok()) {
    counters_.kept = piece_.scan->kept;
    old_.assign(piece_.scan->old.begin(), piece_.scan->old.end());
    has_more_ = piece_.scan->has_more;
  }
  has_removed_ = false;
  go_on();
}

void SandboxGc::go_on() {
  piece_ = Piece{};
  for (; !old_.empty() && piece_.batch.size() < kBatch; old_.pop_front()) {
    if (!options_.is_in_use(old_.front().id)) piece_.batch.push_back(std::move(old_.front()));
  }
  piece_.now_ms = options_.wall_now_ms();
  run([this] { remove(piece_); }, &SandboxGc::on_removed);
}

// On the pool.
void SandboxGc::remove(Piece& piece) {
  piece.usage = options_.usage(options_.data_dir);
  const std::int64_t old = until(piece.usage.value_or(0.0), piece.now_ms);
  for (const EndedSandbox& sandbox : piece.batch) {
    if (sandbox.ended_ms > old) break;  // there is room again
    if (absl::Status taken = remover_.take(sandbox.id); taken.ok()) {
      piece.removed.push_back(sandbox.id);
    } else {
      piece.failures.push_back(std::move(taken));
    }
  }
  piece.has_trash = remover_.purge_some(kPurgeEntries);
}

void SandboxGc::on_removed() {
  for (const SandboxId& id : piece_.removed) tidy_after(options_.data_dir, id);
  counters_.removed += piece_.removed.size();
  counters_.kept -= std::min(counters_.kept, piece_.removed.size());
  counters_.failed += piece_.failures.size();
  has_removed_ |= !piece_.removed.empty();
  if (!piece_.failures.empty()) complain(piece_.failures.front());
  // Without what was refused by the rule: the rest is younger.
  const std::size_t tried = piece_.removed.size() + piece_.failures.size();
  if (tried < piece_.batch.size()) {
    old_.clear();
    has_more_ = false;
  }
  if (!old_.empty() || piece_.has_trash) return go_on();
  timer_.start(has_more_ && has_removed_ ? core::Duration::zero() : options_.interval);
  piece_ = Piece{};
}

// Once for as long as it is the same.
void SandboxGc::complain(const absl::Status& why) {
  if (why.ok() || core::message_of(why) == last_complaint_) return;
  last_complaint_ = core::message_of(why);
  options_.log(fmt::format("old sandboxes stay: {}", last_complaint_));
}

}  // namespace shoal::agent
