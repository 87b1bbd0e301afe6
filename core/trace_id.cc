#include "core/trace_id.h"

#include <fmt/core.h>

#include <cstdint>

namespace shoal::core {
namespace {

__extension__ using Hash = unsigned __int128;

constexpr Hash kOffset =
    Hash{0x6c62272e07bb0142} << 64 | Hash{0x62b821756295c58d};  // of FNV-1a, 128 bits
constexpr Hash kPrime = Hash{0x0000000001000000} << 64 | Hash{0x000000000000013b};

Hash add(Hash hash, std::string_view text) {
  for (const char letter : text) hash = (hash ^ static_cast<unsigned char>(letter)) * kPrime;
  return hash;
}

}  // namespace

std::string trace_id(FrameworkId framework, std::string_view task) {
  const Hash hash = add(add(add(kOffset, to_string(framework)), "/"), task);
  return fmt::format("{:016x}{:016x}", static_cast<std::uint64_t>(hash >> 64),
                     static_cast<std::uint64_t>(hash));
}

std::string trace_parent(FrameworkId framework, std::string_view task) {
  const std::string trace = trace_id(framework, task);
  return fmt::format("00-{}-{}-00", trace, std::string_view(trace).substr(16));
}

}  // namespace shoal::core
