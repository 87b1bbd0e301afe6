#include "master/registry_writer.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "net/clock.h"
#include "net/helper_thread.h"

namespace shoal::master {

RegistryWriter::RegistryWriter(std::unique_ptr<RegistryStore> store, std::size_t clients,
                               Stored stored, Failed failed)
    : store_(std::move(store)), stored_(std::move(stored)), failed_(std::move(failed)) {
  waiting_.rows_of.resize(clients);
  thread_ = net::start_helper_thread([this] { work(); });
}

RegistryWriter::~RegistryWriter() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void RegistryWriter::abandon() {
  {
    const std::lock_guard lock(mutex_);
    is_abandoned_ = true;
  }
  changed_.notify_one();
  store_->cancel();
}

bool RegistryWriter::end(std::unique_ptr<RegistryWriter> writer, core::Duration patience) {
  {
    std::unique_lock lock(writer->mutex_);
    writer->is_ending_ = true;
    writer->changed_.notify_all();
    if (writer->changed_.wait_for(lock, patience, [&writer] { return writer->has_ended_; })) {
      lock.unlock();
      writer.reset();
      return true;
    }
  }
  writer->abandon();
  {
    const std::lock_guard lock(writer->telling_);
    writer->is_left_ = true;
  }
  writer->thread_.detach();
  (void)writer.release();  // its thread has it
  return false;
}

void RegistryWriter::wait_until_ended() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return has_ended_; });
}

void RegistryWriter::put(std::size_t client, std::vector<core::RegistryRow> rows) {
  {
    const std::lock_guard lock(mutex_);
    rows_put_.add(rows.size());
    waiting_.rows_of[client] += rows.size();
    waiting_.rows.insert(waiting_.rows.end(), std::make_move_iterator(rows.begin()),
                         std::make_move_iterator(rows.end()));
  }
  changed_.notify_one();
}

bool RegistryWriter::take(Batch& batch) {
  batch.rows.clear();
  batch.rows_of.assign(batch.rows_of.size(), 0);
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return is_ending_ || is_abandoned_ || !waiting_.rows.empty(); });
  if (is_abandoned_ || waiting_.rows.empty()) return false;
  std::swap(batch, waiting_);
  return true;
}

bool RegistryWriter::commit(const Batch& batch) {
  const core::TimePoint begin = net::monotonic_now();
  commit_begin_ns_.set(static_cast<std::uint64_t>(begin.time_since_epoch().count()));
  const absl::Status written = store_->apply(batch.rows);
  if (written.ok()) {
    commit_begin_ns_.set(0);
    commit_time_.observe(net::monotonic_now() - begin);
    batch_rows_.add(batch.rows.size());
    rows_stored_.add(batch.rows.size());
  }
  return tell(written, batch);
}

bool RegistryWriter::tell(const absl::Status& written, const Batch& batch) {
  const std::lock_guard lock(telling_);
  if (is_left_) return false;
  if (!written.ok()) {
    failed_(written);
    return false;
  }
  for (std::size_t client = 0; client < batch.rows_of.size(); ++client) {
    if (batch.rows_of[client] > 0) stored_(client, batch.rows_of[client]);
  }
  return true;
}

std::uint64_t RegistryWriter::rows_waiting() const {
  const std::uint64_t stored = rows_stored_.value();  // first: it never overtakes the other
  const std::uint64_t put = rows_put_.value();
  return put > stored ? put - stored : 0;
}

core::Duration RegistryWriter::commits_since(core::TimePoint now) const {
  const auto begin = static_cast<std::int64_t>(commit_begin_ns_.value());
  if (begin == 0) return core::Duration::zero();
  return std::max(core::Duration::zero(), now.time_since_epoch() - core::Duration(begin));
}

void RegistryWriter::work() {
  Batch batch;
  batch.rows_of.resize(waiting_.rows_of.size());
  while (take(batch) && commit(batch)) {
  }
  const std::lock_guard lock(mutex_);
  has_ended_ = true;
  changed_.notify_all();
}

}  // namespace shoal::master
