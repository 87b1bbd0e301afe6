#include "master/leadership.h"

#include <fmt/core.h>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <utility>

#include "core/limits.h"
#include "core/status.h"
#include "core/text.h"
#include "net/address.h"
#include "net/boot_clock.h"
#include "net/clock.h"
#include "net/helper_thread.h"

namespace shoal::master {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kRetryPause{200};
constexpr milliseconds kGoodbyeTimeout{400};  // to give back leases, for each member of etcd
constexpr milliseconds kResignTimeout{1000};
constexpr milliseconds kLeastPatience{50};

void put(rapidjson::Writer<rapidjson::StringBuffer>& writer, std::string_view text) {
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

std::string leader_value(const LeadershipOptions& options) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  writer.StartObject();
  put(writer, "address");
  put(writer, options.address);
  put(writer, "id");
  put(writer, fmt::format("{:016x}", options.id));
  writer.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

std::string master_value(const LeadershipOptions& options, std::int64_t since_ms) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  writer.StartObject();
  put(writer, "address");
  put(writer, options.address);
  put(writer, "since_ms");
  writer.Int64(since_ms);
  put(writer, "version");
  put(writer, options.version);
  writer.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

bool parse(const std::string& json, rapidjson::Document& document) {
  document.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
  return !document.HasParseError() && document.IsObject();
}

// "" when there is no such text.
std::string text_of(const rapidjson::Document& document, const char* name) {
  const auto found = document.FindMember(name);
  if (found == document.MemberEnd() || !found->value.IsString()) return "";
  return {found->value.GetString(), found->value.GetStringLength()};
}

// "" when it is none: others are told it.
std::string address_of(const rapidjson::Document& document) {
  std::string address = text_of(document, "address");
  const bool is_good =
      address.size() <= core::kMaxAddressBytes && net::parse_host_port(address).ok();
  return is_good ? address : "";
}

}  // namespace

Leadership::Leadership(LeadershipOptions options, Events events)
    : options_(std::move(options)),
      events_(std::move(events)),
      leader_key_(options_.target.prefix + "/leader"),
      own_value_(leader_value(options_)),
      masters_prefix_(options_.target.prefix + "/masters/"),
      since_ms_(net::wall_now_ms()),
      client_({.endpoints = options_.target.endpoints,
               .timeout = patience(),
               .access = options_.target.access}) {
  thread_ = net::start_helper_thread([this] { work(); });
}

Leadership::~Leadership() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  changed_.notify_all();
  client_.wake();
  thread_.join();
}

void Leadership::campaign() {
  {
    const std::lock_guard lock(mutex_);
    is_campaigning_ = true;
  }
  changed_.notify_all();
  client_.wake();
}

void Leadership::resign(core::Duration hold_off) {
  std::unique_lock lock(mutex_);
  if (!term_.has_value()) return;
  is_campaigning_ = false;
  hold_until_ = net::monotonic_now() + hold_off;
  is_resigning_ = true;
  changed_.notify_all();
  changed_.wait_for(lock, kResignTimeout, [this] { return !term_.has_value(); });
}

void Leadership::give_up(const std::string& why) {
  {
    const std::lock_guard lock(mutex_);
    clock_.end();
    giving_up_ = why;
    hold_until_ = net::monotonic_now() + options_.lease;  // those that are well come first
  }
  changed_.notify_all();
}

void Leadership::verify() {
  {
    const std::lock_guard lock(mutex_);
    is_doubted_ = true;
  }
  changed_.notify_all();
}

std::string Leadership::leader() const {
  const std::lock_guard lock(mutex_);
  return leader_;
}

std::int64_t Leadership::epoch() const {
  const std::lock_guard lock(mutex_);
  return term_.has_value() ? term_->revision : 0;
}

std::uint64_t Leadership::elections() const {
  const std::lock_guard lock(mutex_);
  return elections_;
}

std::vector<MasterEntry> Leadership::masters() const {
  const std::lock_guard lock(mutex_);
  return masters_;
}

// How long one member may take to answer, so that all of them can be asked within a lease.
core::Duration Leadership::patience() const {
  const auto members = static_cast<std::int64_t>(options_.target.endpoints.size());
  return std::max<core::Duration>(options_.lease / (members + 2), kLeastPatience);
}

// Once, not with every attempt.
void Leadership::note_reachable(const absl::Status& status) {
  const bool is_reachable = status.ok();
  if (is_reachable == is_reachable_) return;
  is_reachable_ = is_reachable;
  log(is_reachable ? "etcd answers again"
                   : fmt::format("{}; waiting for it", core::message_of(status)));
}

template <typename Condition>
void Leadership::wait_until(core::TimePoint when, Condition condition) {
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, when, condition);
}

void Leadership::work() {
  const auto is_ending = [this] {
    const std::lock_guard lock(mutex_);
    return is_ending_;
  };
  while (!is_ending()) {
    if (epoch() != 0) {
      lead();
    } else {
      follow();
    }
  }
  if (epoch() != 0) end_term();
  client_.set_timeout(kGoodbyeTimeout);
  if (membership_.id != 0) client_.revoke_lease(membership_.id).IgnoreError();
}

// --- not the leader ---

absl::Status Leadership::keep_registered() {
  const core::TimePoint now = net::monotonic_now();
  if (membership_.id != 0) {
    if (now < membership_.renew_at) return absl::OkStatus();
    membership_.renew_at = now + membership_.ttl / 3;
    const auto renewed = client_.keep_alive(membership_.id);
    if (!absl::IsNotFound(renewed.status())) return renewed.status();
  }
  const auto lease =
      client_.grant_lease(std::chrono::duration_cast<std::chrono::seconds>(options_.lease));
  if (!lease.ok()) return lease.status();
  membership_ = {lease->id, lease->ttl, now + lease->ttl / 3};
  EtcdTxn txn;
  txn.success.push_back({.key = fmt::format("{}{:016x}", masters_prefix_, options_.id),
                         .value = master_value(options_, since_ms_),
                         .range_end = {},
                         .lease = lease->id});
  return client_.txn(txn).status();
}

bool Leadership::may_stand() {
  const std::lock_guard lock(mutex_);
  if (!is_campaigning_ || is_ending_) return false;
  return !hold_until_.has_value() || net::monotonic_now() >= *hold_until_;
}

void Leadership::note_leader(const std::string& value) {
  rapidjson::Document document;
  // An own one that is left from a try whose end nobody told: it runs out by itself.
  const bool is_other = value != own_value_ && parse(value, document);
  const std::string address = is_other ? address_of(document) : "";
  bool is_new = false;
  {
    const std::lock_guard lock(mutex_);
    is_new = address != leader_;
    leader_ = address;
    if (is_other) hold_until_.reset();  // it was left to others, and one has taken it
  }
  if (!is_new) return;
  log(address.empty() ? "standby: nobody leads" : fmt::format("standby: {} leads", address));
}

void Leadership::follow() {
  client_.set_timeout(patience());
  absl::Status status = keep_registered();
  EtcdRange found;
  if (status.ok()) {
    absl::StatusOr<EtcdRange> looked = client_.range({.key = leader_key_, .range_end = {}});
    status = looked.status();
    if (looked.ok()) found = *std::move(looked);
  }
  note_reachable(status);
  if (!status.ok()) {
    note_leader("");
    return wait_until(net::monotonic_now() + kRetryPause, [this] { return is_ending_; });
  }
  const std::string value = found.rows.empty() ? "" : found.rows.front().value;
  if (value.empty() && may_stand() && stand()) return;
  note_leader(value);
  core::Duration wait =
      std::max<core::Duration>(membership_.renew_at - net::monotonic_now(), kLeastPatience);
  {
    const std::lock_guard lock(mutex_);
    if (is_ending_) return;
    // Whom it was left to has not taken it.
    if (hold_until_.has_value() && is_campaigning_) {
      wait = std::min(
          wait, std::max<core::Duration>(*hold_until_ - net::monotonic_now(), kLeastPatience));
    }
  }
  // The next look tells what went wrong here.
  client_.wait_for_change(leader_key_, found.revision + 1, wait).status().IgnoreError();
}

// True: it leads.
bool Leadership::stand() {
  const core::Duration asked_at = net::since_boot();
  const core::TimePoint now = net::monotonic_now();
  const auto lease =
      client_.grant_lease(std::chrono::duration_cast<std::chrono::seconds>(options_.lease));
  if (!lease.ok()) return false;
  EtcdTxn txn;
  txn.compare.push_back({.key = leader_key_, .value = {}});
  txn.success.push_back(
      {.key = leader_key_, .value = own_value_, .range_end = {}, .lease = lease->id});
  const auto answer = client_.txn(txn);
  if (!answer.ok() || !answer->succeeded) {
    // If nobody knows whether it was done, this undoes it.
    client_.revoke_lease(lease->id).IgnoreError();
    return false;
  }
  term_lease_ = {lease->id, lease->ttl, now + lease->ttl / 3};
  const EtcdFence term{leader_key_, own_value_, answer->revision};
  {
    const std::lock_guard lock(mutex_);
    term_ = term;
    leader_.clear();  // it will serve, but does not yet
    ++elections_;
    hold_until_.reset();
    is_resigning_ = is_doubted_ = false;
    giving_up_.reset();
    clock_.begin(lease_deadline(asked_at, lease->ttl));
  }
  log(fmt::format("leader: elected, epoch {}", term.revision));
  events_.elected(term);
  refresh_masters();
  return true;
}

// --- the leader ---

// One round: until the next renewal, or the end.
void Leadership::lead() {
  const core::TimePoint last = net::monotonic_now() + clock_.left();
  wait_until(std::min(term_lease_.renew_at, last), [this] {
    return is_ending_ || is_resigning_ || is_doubted_ || giving_up_.has_value();
  });
  bool is_leaving = false;
  bool is_giving_up = false;
  bool is_doubted = false;
  {
    const std::lock_guard lock(mutex_);
    is_leaving = is_ending_ || is_resigning_;
    is_giving_up = giving_up_.has_value();
    is_doubted = std::exchange(is_doubted_, false);
  }
  std::string why;
  if (!is_giving_up && !is_leaving) {
    if (is_doubted) why = check_term();
    if (why.empty()) why = renew_term();
    if (why.empty()) return;
  }
  // Who gave it up meanwhile ended the lease, which is what the renewal saw.
  if (const std::optional<std::string> given_up_for = end_term()) why = *given_up_for;
  if (is_leaving) return log("standby: gave up the lead");
  log(fmt::format("standby: lost the lead: {}", why));
  events_.lost(why);
}

// "" while it goes on, else why it does not.
std::string Leadership::renew_term() {
  constexpr std::string_view kTooLate = "the lease could not be renewed in time";
  const core::Duration left = clock_.left();
  if (left <= core::Duration::zero()) return std::string(kTooLate);
  const core::TimePoint now = net::monotonic_now();
  if (now < term_lease_.renew_at) return "";
  client_.set_timeout(std::max<core::Duration>(std::min(patience(), left), kLeastPatience));
  const core::Duration asked_at = net::since_boot();
  const auto renewed = client_.keep_alive(term_lease_.id);
  note_reachable(absl::IsNotFound(renewed.status()) ? absl::OkStatus() : renewed.status());
  if (absl::IsNotFound(renewed.status())) return "the lease is over";
  if (!renewed.ok()) {
    term_lease_.renew_at = net::monotonic_now() + kRetryPause;
    return clock_.is_valid() ? "" : std::string(kTooLate);
  }
  if (!clock_.extend(lease_deadline(asked_at, *renewed))) return std::string(kTooLate);
  term_lease_.renew_at = now + *renewed / 3;
  keep_registered().IgnoreError();
  refresh_masters();
  return "";
}

std::string Leadership::check_term() {
  const auto found = client_.range({.key = leader_key_, .range_end = {}});
  if (!found.ok()) return "";  // the lease decides
  const bool is_own = !found->rows.empty() && found->rows.front().value == own_value_ &&
                      found->rows.front().create_revision == epoch();
  if (!is_own) return "another master leads";
  log("a peer claims to have seen a later leader, and etcd knows of none: was it set back to an "
      "older state?");
  return "";
}

// What give_up() was told, if it was called.
std::optional<std::string> Leadership::end_term() {
  clock_.end();
  if (is_reachable_) {
    // Others need not wait until it runs out.
    client_.set_timeout(kGoodbyeTimeout);
    client_.revoke_lease(term_lease_.id).IgnoreError();
  }
  std::optional<std::string> given_up_for;
  {
    const std::lock_guard lock(mutex_);
    term_.reset();
    // Who resigned may already stand again: resign() does not wait for ever.
    if (!is_resigning_) is_campaigning_ = false;
    is_resigning_ = false;
    given_up_for = std::exchange(giving_up_, std::nullopt);
    leader_.clear();
    masters_.clear();
  }
  changed_.notify_all();
  return given_up_for;
}

void Leadership::refresh_masters() {
  const auto found = client_.range({.key = masters_prefix_,
                                    .range_end = prefix_end(masters_prefix_),
                                    .limit = static_cast<std::int64_t>(kMaxListedMasters)});
  if (!found.ok()) return;
  std::vector<MasterEntry> masters;
  for (const EtcdRow& row : found->rows) {
    rapidjson::Document document;
    if (!row.key.starts_with(masters_prefix_) || !parse(row.value, document)) continue;
    MasterEntry entry;
    entry.id = core::printable(row.key.substr(masters_prefix_.size()));
    entry.address = address_of(document);
    entry.version = core::printable(text_of(document, "version"));
    if (document.HasMember("since_ms") && document["since_ms"].IsInt64()) {
      entry.since_ms = document["since_ms"].GetInt64();
    }
    entry.leads = entry.id == fmt::format("{:016x}", options_.id);
    masters.push_back(std::move(entry));
  }
  std::stable_partition(masters.begin(), masters.end(),
                        [](const MasterEntry& entry) { return entry.leads; });
  const std::lock_guard lock(mutex_);
  masters_ = std::move(masters);
}

}  // namespace shoal::master
