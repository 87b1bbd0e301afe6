#include "net/descriptor_limit.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

namespace shoal::net {
namespace {

TEST(DescriptorLimit, RisesToTheHardOne) {
  rlimit old{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
  rlimit low = old;
  low.rlim_cur = old.rlim_max / 2;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  EXPECT_EQ(descriptor_limit(), low.rlim_cur);
  EXPECT_EQ(raise_descriptor_limit(), old.rlim_max);
  EXPECT_EQ(raise_descriptor_limit(), old.rlim_max);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &old), 0);
}

TEST(DescriptorLimit, ListenersFillMostOfIt) {
  EXPECT_EQ(acceptable_descriptors(20'000), 19'000u);
  EXPECT_EQ(acceptable_descriptors(1024), 972u);
  EXPECT_EQ(acceptable_descriptors(0), 0u);
  EXPECT_EQ(acceptable_descriptors(kNoDescriptorLimit), kNoDescriptorLimit);
}

TEST(DescriptorLimit, OpenOnesAreInUse) {
  const std::uint64_t before = descriptors_in_use();
  const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(static_cast<std::uint64_t>(fd), before);
  EXPECT_GT(descriptors_in_use(), before);
  ::close(fd);
  EXPECT_EQ(descriptors_in_use(), before);
}

}  // namespace
}  // namespace shoal::net
