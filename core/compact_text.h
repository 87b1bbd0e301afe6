// A text of which there are millions, and which is mostly empty: one pointer, to its size and its
// bytes. No capacity to grow into: each assignment makes it anew.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

namespace shoal::core {

class CompactText {
 public:
  CompactText() = default;
  // At most 4 GiB.
  CompactText& operator=(std::string_view text) {
    std::unique_ptr<char[]> made;  // `text` may be of this one
    if (!text.empty()) {
      const auto size = static_cast<Size>(text.size());
      made.reset(new char[sizeof(Size) + size]);
      std::memcpy(made.get(), &size, sizeof size);
      std::memcpy(made.get() + sizeof size, text.data(), size);
    }
    bytes_ = std::move(made);
    return *this;
  }

  std::string_view view() const {
    if (bytes_ == nullptr) return {};
    Size size = 0;
    std::memcpy(&size, bytes_.get(), sizeof size);
    return {bytes_.get() + sizeof size, size};
  }
  bool empty() const { return bytes_ == nullptr; }

 private:
  using Size = std::uint32_t;
  std::unique_ptr<char[]> bytes_;  // null: empty
};

}  // namespace shoal::core
