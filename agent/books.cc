#include "agent/books.h"

#include <fmt/core.h>

#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "agent/epoch_store.h"
#include "agent/identity.h"
#include "agent/resource_store.h"
#include "core/status.h"
#include "net/clock.h"
#include "net/whole_file.h"

namespace shoal::agent {

namespace {

// Removed volumes are deleted in portions: what is to be written goes between two of them.
constexpr std::size_t kPurgeEntries = 8;
constexpr std::chrono::milliseconds kPurgeTime{10};
constexpr std::chrono::milliseconds kPurgePause{1};

}  // namespace

// One store(): what it is to do, and what came of it.
struct Books::Job {
  wire::ByteVector file;
  std::vector<core::LotTagsPtr> made;
  std::vector<core::LotTagsPtr> removed;
  StoreOutcome outcome;
  std::vector<std::string> complaints;

  void run(const std::string& data_dir, VolumeFolders& volumes) {
    for (std::size_t i = 0; i < made.size(); ++i) {
      outcome.status = volumes.make(*made[i]);
      if (outcome.status.ok()) continue;
      outcome.unmade = i;
      return remove(volumes, made, i);
    }
    outcome.status = write_stored(data_dir, file);
    if (!outcome.status.ok()) return remove(volumes, made, made.size());
    remove(volumes, removed, removed.size());
  }
  // The first `count` of them; the next start tries again what fails.
  void remove(VolumeFolders& volumes, const std::vector<core::LotTagsPtr>& which,
              std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      const absl::Status gone = volumes.remove(*which[i]);
      if (!gone.ok()) complaints.emplace_back(core::message_of(gone));
    }
  }
};

Books::Books(net::Reactor& reactor, std::string data_dir, Hooks hooks)
    : data_dir_(std::move(data_dir)),
      hooks_(std::move(hooks)),
      volumes_(data_dir_),
      purge_timer_(reactor, [this] { purge(); }),
      disk_(reactor) {}

absl::StatusOr<std::vector<std::string>> Books::sweep(const core::Resources& total) {
  auto missing = volumes_.sweep(total);
  if (missing.ok()) purge_timer_.start(kPurgePause);
  return missing;
}

void Books::add(std::function<void()> work, std::function<void()> done) {
  ++writes_;
  disk_.add(std::move(work), [this, done = std::move(done)] {
    --writes_;
    done();
  });
}

std::optional<StoreOutcome> Books::store(const StoreRequest& request) {
  auto file = encode_stored(request.resources);
  if (!file.ok()) return StoreOutcome{file.status(), std::nullopt};
  auto job = std::make_shared<Job>();
  job->file = *std::move(file);
  job->made = request.made;
  job->removed = request.removed;
  add([this, job] { job->run(data_dir_, volumes_); },
      [this, job] {
        for (const std::string& line : job->complaints) hooks_.log(line);
        if (!is_purging_ && !(job->made.empty() && job->removed.empty())) {
          purge_timer_.start(kPurgePause);
        }
        hooks_.on_stored(job->outcome);
      });
  return std::nullopt;
}

void Books::store_epoch(std::uint64_t epoch) {
  auto status = std::make_shared<absl::Status>();
  add([this, status, epoch] { *status = write_epoch(data_dir_, epoch); },
      [this, status, epoch] { hooks_.on_epoch_stored(epoch, *status); });
}

void Books::store_id(core::AgentId id) {
  auto status = std::make_shared<absl::Status>();
  add([this, status, id] { *status = write_identity(data_dir_, id); },
      [this, status, id] { hooks_.on_id_stored(id, *status); });
}

void Books::write_file(std::string path, std::string text,
                       std::function<void(const absl::Status&)> done) {
  auto status = std::make_shared<absl::Status>();
  add([status, path = std::move(path),
       text = std::move(text)] { *status = net::write_file_atomically(path, text); },
      [status, done = std::move(done)] { done(*status); });
}

void Books::purge() {
  struct Portion {
    bool is_work_left = true;
    std::size_t undeletable = 0;
  };
  is_purging_ = true;
  auto portion = std::make_shared<Portion>();
  disk_.add(
      [this, portion] {
        const core::TimePoint begin = net::monotonic_now();
        while (portion->is_work_left && net::monotonic_now() - begin < kPurgeTime) {
          portion->is_work_left = volumes_.purge_some(kPurgeEntries);
        }
        portion->undeletable = volumes_.undeletable();
      },
      [this, portion] {
        is_purging_ = false;
        if (portion->is_work_left) return purge_timer_.start(kPurgePause);
        if (portion->undeletable == 0) return;
        hooks_.log(fmt::format("{}/removed: {} folders of removed volumes cannot be deleted",
                               data_dir_, portion->undeletable));
      });
}

}  // namespace shoal::agent
