#include "master/admission.h"

#include <algorithm>

#include "core/limits.h"

namespace shoal::master {
namespace {

constexpr core::Duration kWindow = std::chrono::seconds(1);
constexpr core::Duration kLoadInterval = std::chrono::milliseconds(100);
constexpr core::Duration kMailPatience = std::chrono::seconds(1);
constexpr core::Duration kLeastWait = std::chrono::milliseconds(250);
constexpr core::Duration kJitter = std::chrono::seconds(1);
constexpr core::Duration kReturnInterval =
    core::Duration(std::chrono::seconds(1)) / core::kReturnsPerSecond;

double ns(core::Duration duration) {
  return static_cast<double>(std::chrono::nanoseconds(duration).count());
}

}  // namespace

double Admission::lag_ns(core::TimePoint now) const {
  return lag_ns_ * ns(kWindow) / (ns(kWindow) + std::max(0.0, ns(now - last_turn_)));
}

// The turns that have ended since. Long ones weigh as much as the time that they take: a message
// comes at any moment.
void Admission::look_at_turns(core::TimePoint now) {
  const std::uint64_t busy_ns = reactor_.busy_ns.value();
  if (busy_ns == busy_ns_) return;
  const auto took = static_cast<double>(busy_ns - busy_ns_);
  busy_ns_ = busy_ns;
  const double passed = std::max(ns(now - last_turn_), took);
  const double met = took * took / passed;
  const double before = last_turn_ == core::TimePoint{} ? 0 : lag_ns_;
  lag_ns_ = before + (met - before) * passed / (passed + ns(kWindow));
  last_turn_ = now;
}

void Admission::on_turn(core::TimePoint now) { counters_.is_busy.set(is_busy(now) ? 1 : 0); }

void Admission::on_load(core::TimePoint now, const Load& load) {
  next_load_ = now + kLoadInterval;
  has_many_rows_ = load.rows > core::kBusyRegistryRows;
  if (load.mail <= core::kBusyMail) {
    mail_since_.reset();
  } else if (!mail_since_.has_value()) {
    mail_since_ = now;
  }
}

bool Admission::is_busy(core::TimePoint now) {
  look_at_turns(now);
  if (lag_limit_ == core::Duration::zero()) return false;
  return has_many_rows_ || lag_ns(now) > ns(lag_limit_) ||
         (mail_since_.has_value() && now - *mail_since_ >= kMailPatience);
}

core::Duration Admission::turn_away(Guest guest, core::TimePoint now) {
  counters_.turned_away[static_cast<std::size_t>(guest)].add();
  next_return_ = std::max(next_return_, now) + kReturnInterval;
  const auto within = [this](core::Duration span) {
    return core::Duration(
        static_cast<core::Duration::rep>(random_.below(static_cast<std::uint64_t>(span.count()))));
  };
  const core::Duration wait = kLeastWait + (next_return_ - now) + within(kJitter);
  if (wait <= core::kMaxBusyWait) return wait;
  // More than can be told apart: in the later half, at random.
  next_return_ = now + core::kMaxBusyWait;
  constexpr core::Duration kHalf = core::Duration(core::kMaxBusyWait) / 2;
  return kHalf + within(kHalf);
}

}  // namespace shoal::master
