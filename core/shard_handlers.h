// What other shards say: one entry for every mailbox message.
#pragma once

#include "core/outbox.h"
#include "core/shard.h"

namespace shoal::core {

void on_shard_message(Shard& shard, Outbox& outbox, ShardMessage message, TimePoint now);

}  // namespace shoal::core
