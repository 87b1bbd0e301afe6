// Room under the limits of roles for an operation, taken before it is booked: what is reserved for
// a role, or unreserved in its hands, counts where it did not count before. While it is held other
// shards cannot have it; booking then charges the same again, and the hold is given back.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "core/operation.h"
#include "core/role_table.h"
#include "core/shard.h"

namespace shoal::core {

class LimitHold {
 public:
  explicit LimitHold(Shard& shard) : shard_(shard) {}
  ~LimitHold();
  LimitHold(const LimitHold&) = delete;
  LimitHold& operator=(const LimitHold&) = delete;

  // `holder`: the role that the resources were offered to; null: nobody has them.
  // Errors: INVALID_ARGUMENT, naming the role whose limits leave too little.
  absl::Status take(OperationKind kind, const Conversion& conversion, RoleRow* holder);

 private:
  struct Taken {
    RoleRow* role = nullptr;
    const RoleRow* above = nullptr;
    Quantities amount;
  };

  absl::Status take(OperationKind kind, RoleRow& role, const RoleRow* above,
                    const Quantities& amount);

  Shard& shard_;
  std::vector<Taken> taken_;
};

}  // namespace shoal::core
