#include "master/candidate.h"

#include <fmt/core.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "core/status.h"
#include "master/etcd_target.h"
#include "master/leadership.h"
#include "master/registry_etcd.h"
#include "master/serving.h"
#include "master/standby.h"
#include "net/curl_library.h"
#include "net/etcd_access.h"
#include "net/random.h"

namespace shoal::master {
namespace {

class Candidate {
 public:
  Candidate(const MasterOptions& options, EtcdTarget target, DataDir& folder)
      : options_(options), target_(std::move(target)), folder_(folder), tuning_(options) {}
  ~Candidate();
  Candidate(const Candidate&) = delete;
  Candidate& operator=(const Candidate&) = delete;

  absl::Status run();

 private:
  absl::Status start();
  bool wait_for_term(std::optional<EtcdFence>* term);
  absl::Status lead(const EtcdFence& term);
  absl::StatusOr<Beginning> load(const EtcdFence& term);
  absl::Status serve(Beginning beginning, const EtcdFence& term);
  ServingHooks hooks();
  bool begin_serving(Serving& serving, const EtcdFence& term);
  void end_serving();

  // On other threads.
  void on_signal();
  void on_hang_up();
  void stop_serving();
  void on_elected(const EtcdFence& term);
  void on_lost();

  const MasterOptions& options_;
  const EtcdTarget target_;
  DataDir& folder_;
  std::unique_ptr<Standby> standby_;
  std::unique_ptr<Leadership> leadership_;

  std::mutex mutex_;  // guards the rest
  std::condition_variable changed_;
  bool is_stopping_ = false;
  std::optional<EtcdFence> term_;
  bool is_over_ = false;        // the term is, and another may begin
  Serving* serving_ = nullptr;  // while its reactors run
  MasterTuning tuning_;
};

Candidate::~Candidate() {
  // It is asked by the pages of the other until then.
  if (standby_ != nullptr && leadership_ != nullptr) standby_->set_leadership(nullptr);
  leadership_.reset();
  standby_.reset();
}

void Candidate::on_signal() {
  const std::lock_guard lock(mutex_);
  is_stopping_ = true;
  if (serving_ != nullptr) serving_->stop();
  changed_.notify_all();
}

// What it says holds for this term, and for those to come.
void Candidate::on_hang_up() {
  const MasterReload reload = options_.reload();
  net::log_lines(options_.log, core::LogModule::kMaster, reload.lines);
  if (!reload.tuning.has_value()) return;
  const std::lock_guard lock(mutex_);
  tuning_ = *reload.tuning;
  if (serving_ != nullptr) serving_->tune(tuning_);
}

// An operator asks for it: others have the time of a lease to take the lead.
void Candidate::stop_serving() {
  const std::lock_guard lock(mutex_);
  if (serving_ != nullptr) serving_->stop();
}

void Candidate::on_elected(const EtcdFence& term) {
  const std::lock_guard lock(mutex_);
  term_ = term;
  is_over_ = false;
  changed_.notify_all();
}

void Candidate::on_lost() {
  const std::lock_guard lock(mutex_);
  is_over_ = term_.has_value();  // else run() has already done with it
  term_.reset();
  if (serving_ != nullptr) serving_->stop();
  changed_.notify_all();
}

absl::Status Candidate::start() {
  StandbyOptions wanted{
      options_.listen, options_.version, [this] { on_signal(); }, {}, options_.log};
  if (options_.reload) wanted.on_hang_up = [this] { on_hang_up(); };
  absl::StatusOr<std::unique_ptr<Standby>> standby = Standby::create(wanted);
  if (!standby.ok()) return standby.status();
  standby_ = *std::move(standby);
  if (absl::Status safe = check_exposure(options_, standby_->address()); !safe.ok()) return safe;
  const std::string address = standby_->address().to_string();
  if (options_.advertise.empty() &&
      (address.starts_with("0.0.0.0:") || address.starts_with("[::]:"))) {
    return core::invalid("{} tells nobody where this master is; say --advertise HOST:PORT",
                         address);
  }
  LeadershipOptions leadership;
  leadership.target = target_;
  leadership.lease = options_.lease;
  leadership.address = options_.advertise.empty() ? address : options_.advertise;
  leadership.version = options_.version;
  leadership.id = net::random_seed() | 1;
  Leadership::Events events;
  events.elected = [this](const EtcdFence& term) { on_elected(term); };
  events.lost = [this](const std::string& /*why*/) { on_lost(); };
  events.log = [this](const std::string& line) {
    net::log_line(options_.log, core::LogModule::kElection, core::LogLevel::kInfo, line);
  };
  leadership_ = std::make_unique<Leadership>(std::move(leadership), std::move(events));
  standby_->set_leadership(leadership_.get());
  return tell_ready(options_, address);
}

// False: the process was told to end.
bool Candidate::wait_for_term(std::optional<EtcdFence>* term) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return is_stopping_ || is_over_ || term_.has_value(); });
  is_over_ = false;
  *term = term_;
  return !is_stopping_;
}

absl::Status Candidate::run() {
  if (absl::Status started = start(); !started.ok()) return started;
  while (true) {
    leadership_->campaign();
    std::optional<EtcdFence> term;
    if (!wait_for_term(&term)) return absl::OkStatus();
    if (!term.has_value()) continue;  // it was over as soon as it began
    absl::Status led = lead(*term);
    {
      const std::lock_guard lock(mutex_);
      term_.reset();
      is_over_ = false;
    }
    if (!led.ok()) return led;
  }
}

absl::StatusOr<Beginning> Candidate::load(const EtcdFence& term) {
  absl::StatusOr<std::uint64_t> known = folder_.known_cluster_id();
  if (!known.ok()) return known.status();
  auto client = std::make_unique<EtcdClient>(EtcdOptions{
      .endpoints = target_.endpoints, .timeout = options_.lease, .access = target_.access});
  auto registry = EtcdRegistry::open(std::move(client), target_.prefix, term,
                                     {.expected = *known, .fresh = net::random_seed() | 1});
  if (!registry.ok()) return registry.status();
  absl::StatusOr<core::RegistryContents> contents = (*registry)->load();
  if (!contents.ok()) return contents.status();
  absl::StatusOr<std::uint64_t> kept = folder_.cluster_id((*registry)->cluster_id());
  if (!kept.ok()) return kept.status();
  Beginning beginning;
  beginning.cluster_id = *kept;
  beginning.contents = *std::move(contents);
  beginning.epoch = static_cast<std::uint64_t>(term.revision);
  beginning.elections = leadership_->elections();
  beginning.store = *std::move(registry);
  return beginning;
}

// Until the end of the term. Errors: those that another try will not mend.
absl::Status Candidate::lead(const EtcdFence& term) {
  absl::StatusOr<Beginning> beginning = load(term);
  if (beginning.ok()) {
    absl::Status served = serve(*std::move(beginning), term);
    leadership_->resign(options_.lease);  // unless that is done
    return served;
  }
  leadership_->resign(options_.lease);
  if (absl::IsFailedPrecondition(beginning.status()) || absl::IsDataLoss(beginning.status())) {
    return beginning.status();
  }
  net::log_line(
      options_.log, core::LogModule::kRegistry, core::LogLevel::kError,
      fmt::format("the registry could not be loaded: {}", core::message_of(beginning.status())));
  return absl::OkStatus();
}

ServingHooks Candidate::hooks() {
  ServingHooks hooks;
  hooks.may_send = [this] { return leadership_->may_send(); };
  hooks.registry_failed = [this](const absl::Status& why) {
    leadership_->give_up(std::string(core::message_of(why)));
  };
  hooks.newer_epoch = [this] { leadership_->verify(); };
  hooks.step_down = [this] { stop_serving(); };
  hooks.leadership = leadership_.get();
  hooks.stopped = [this] { end_serving(); };
  return hooks;
}

// False: the term is over already.
bool Candidate::begin_serving(Serving& serving, const EtcdFence& term) {
  const std::lock_guard lock(mutex_);
  if (is_stopping_ || !term_.has_value() || term_->revision != term.revision) return false;
  serving_ = &serving;
  serving.tune(tuning_);  // what was said while it was made
  return true;
}

// Its reactors have stopped; it is taken down after this.
void Candidate::end_serving() {
  bool is_stopping = false;
  {
    const std::lock_guard lock(mutex_);
    serving_ = nullptr;
    is_stopping = is_stopping_;
  }
  if (!is_stopping) {
    if (absl::Status opened = standby_->open(); !opened.ok()) {
      net::log_line(options_.log, core::LogModule::kNet, core::LogLevel::kError,
                    core::message_of(opened));
    }
  }
  leadership_->resign(options_.lease);
}

absl::Status Candidate::serve(Beginning beginning, const EtcdFence& term) {
  MasterOptions options = options_;
  {
    const std::lock_guard lock(mutex_);
    static_cast<MasterTuning&>(options) = tuning_;
  }
  Serving serving(options, hooks());
  if (absl::Status built = serving.build(std::move(beginning)); !built.ok()) return built;
  if (absl::Status listens = serving.listen(&standby_->address()); !listens.ok()) return listens;
  if (!begin_serving(serving, term)) return absl::OkStatus();
  standby_->close();
  serving.adopt(standby_->take_waiting());
  net::log_line(options_.log, core::LogModule::kElection, core::LogLevel::kInfo,
                fmt::format("leader: serves at {}, epoch {}", serving.address(), term.revision));
  return serving.serve([] { return absl::OkStatus(); });
}

}  // namespace

absl::Status run_candidate(const MasterOptions& options, DataDir& folder) {
  absl::StatusOr<EtcdTarget> target = parse_etcd_target(options.registry);
  if (!target.ok()) return target.status();
  // Waiting will not mend these.
  if (!net::curl_library().ok()) return net::curl_library().status();
  if (absl::Status there = net::check_files(target->access); !there.ok()) return there;
  return Candidate(options, *std::move(target), folder).run();
}

}  // namespace shoal::master
