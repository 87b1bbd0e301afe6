// Where a master's registry is kept: one interface, a driver for each kind of store. What is in it:
// core/registry.h.
//
// Threads: one at a time. The master loads before its reactors run; from then on RegistryWriter's
// thread alone has the store.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/registry.h"

namespace shoal::master {

class RegistryStore {
 public:
  virtual ~RegistryStore() = default;

  // All rows. Errors: DATA_LOSS, naming the row that is damaged.
  virtual absl::StatusOr<core::RegistryContents> load() = 0;

  // All of the rows, in order, or none of them; they are durable when it returns OK. After an error
  // nobody knows which, so nothing may be written any more: whoever leads has to stop.
  virtual absl::Status apply(absl::Span<const core::RegistryRow> rows) = 0;

  // From any thread: the apply() that runs, and every later one, ends soon with an error. A store
  // that never waits for others need not do anything.
  virtual void cancel() {}
};

}  // namespace shoal::master
