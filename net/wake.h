// The one way to wake a reactor.
#pragma once

struct uv_async_s;

namespace shoal::net {

// Any thread. What the caller published before (even by a plain release store) is seen by the
// reactor's wake-up, which follows.
//
// Memory order: libuv before 1.53 starts uv_async_send with a relaxed load of its pending flag and
// returns if it is set. On x86 that load may pass the caller's last store, and by the C++ model it
// always may: the loop clears the flag, drains, sees nothing, and sleeps, while the sender believes
// a wake-up is still on its way. A seq_cst fence between the two puts the store first. Hence this
// function is the only caller of uv_async_send.
void wake(uv_async_s* async);

// The loop's half, called before it looks at what was published: libuv clears its flag with a
// compare-and-swap, which by the C++ model (not on x86) the reads that follow may still pass.
// Both halves are proven, and each is shown to be needed, by tests/net/model.
void woken();

}  // namespace shoal::net
