// Runs a fuzz target over the files of its corpus, in order of their names, and over copies of them
// with a few bytes changed: the ordinary build's stand-in for libFuzzer, short and the same in
// every run. `<name>_fuzz [--mutations N] FOLDER|FILE…`: N copies in all (none by default). What is
// tried stands in <name>.input in the working folder until it has passed. An empty or missing
// corpus is an error.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

std::vector<std::filesystem::path> files_under(const std::filesystem::path& path) {
  std::error_code error;
  if (std::filesystem::is_regular_file(path, error)) return {path};
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path, error)) {
    if (entry.is_regular_file(error)) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

using Input = std::vector<std::uint8_t>;

constexpr std::size_t kMostBytes = 64 * 1024;

Input read(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  return {text.begin(), text.end()};
}

// The input at hand, in a file that outlives a crash.
class Culprit {
 public:
  explicit Culprit(std::string name)
      : name_(std::move(name)),
        fd_(::open(name_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)) {}
  ~Culprit() {
    ::close(fd_);
    ::unlink(name_.c_str());
  }
  Culprit(const Culprit&) = delete;
  Culprit& operator=(const Culprit&) = delete;

  // False: it cannot be kept.
  bool keep(const Input& input) {
    const auto size = static_cast<ssize_t>(input.size());
    return ::pwrite(fd_, input.data(), input.size(), 0) == size && ::ftruncate(fd_, size) == 0;
  }

 private:
  const std::string name_;
  const int fd_;
};

// A few changes of the sorts that parsers stumble over: bits, numbers at their ends, pieces taken
// out, doubled, or from another input.
Input mutate(Input bytes, const Input& other, std::mt19937& random) {
  const auto below = [&random](std::size_t n) { return n == 0 ? 0 : random() % n; };
  for (std::size_t changes = 1 + below(4); changes > 0; --changes) {
    const std::size_t at = below(bytes.size());
    const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(at);
    const std::size_t length = std::min<std::size_t>(1 + below(16), bytes.size() - at);
    switch (bytes.empty() ? 5 : below(6)) {
      case 0:
        *begin ^= static_cast<std::uint8_t>(1u << below(8));
        break;
      case 1:
        *begin = static_cast<std::uint8_t>(random());
        break;
      case 2:
        std::fill_n(begin, length, below(2) == 0 ? 0x00 : 0xff);
        break;
      case 3:
        bytes.erase(begin, begin + static_cast<std::ptrdiff_t>(length));
        break;
      case 4: {
        const Input piece(begin, begin + static_cast<std::ptrdiff_t>(length));
        bytes.insert(begin, piece.begin(), piece.end());
        break;
      }
      default: {
        const std::size_t from = below(other.size());
        const std::size_t most = std::min<std::size_t>(1 + below(64), other.size() - from);
        bytes.insert(begin, other.begin() + static_cast<std::ptrdiff_t>(from),
                     other.begin() + static_cast<std::ptrdiff_t>(from + most));
      }
    }
  }
  bytes.resize(std::min(bytes.size(), kMostBytes));
  return bytes;
}

bool run_mutations(const std::vector<Input>& corpus, std::size_t count, Culprit& culprit) {
  std::mt19937 random(1);  // the same in every run
  for (std::size_t i = 0; i < count; ++i) {
    const Input& base = corpus[i % corpus.size()];
    // An exact copy on the heap, so that AddressSanitizer sees a read past the end.
    Input input = mutate(base, corpus[random() % corpus.size()], random);
    input.shrink_to_fit();
    if (!culprit.keep(input)) return false;
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t mutations = 0;
  std::vector<Input> corpus;
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--mutations" && i + 1 < argc) {
      mutations = std::strtoul(argv[++i], nullptr, 10);
      continue;
    }
    const auto files = files_under(argv[i]);
    if (files.empty()) {
      std::fprintf(stderr, "%s: no corpus there; add at least one seed input\n", argv[i]);
      return 1;
    }
    for (const auto& file : files) {
      corpus.push_back(read(file));
      std::printf("%s (%zu bytes)\n", file.c_str(), corpus.back().size());
      std::fflush(stdout);  // names the culprit when the next line crashes
      LLVMFuzzerTestOneInput(corpus.back().data(), corpus.back().size());
    }
  }
  if (corpus.empty()) return 1;
  const std::filesystem::path self = argv[0];
  Culprit culprit(self.filename().string() + ".input");
  if (!run_mutations(corpus, mutations, culprit)) {
    std::perror("keeping the input");
    return 1;
  }
  std::printf("%zu inputs replayed, %zu changed ones tried\n", corpus.size(), mutations);
  return 0;
}
