#include "core/offer_constraint.h"

#include <gtest/gtest.h>

#include "core/limits.h"
#include "core/status.h"

namespace shoal::core {
namespace {

using Target = ConstraintTarget;
using Ask = ConstraintTest;
using Attributes = std::vector<std::pair<std::string, std::string>>;

OfferConstraintView on(std::string_view name, Ask test, std::string_view value = {},
                       std::uint32_t group = 0) {
  return {"ads", group, Target::kAttribute, name, test, value};
}

bool admits(std::vector<OfferConstraintView> views, const Attributes& attributes) {
  return OfferConstraints::compile(views).value()->admits({"host-1", "eu", "", attributes});
}

std::string refusal(const OfferConstraintView& view) {
  const auto compiled = OfferConstraints::compile({&view, 1});
  return compiled.ok() ? "" : std::string(message_of(compiled.status()));
}

TEST(OfferConstraints, NoneAdmitAll) { EXPECT_TRUE(admits({}, {})); }

TEST(OfferConstraints, EveryTestOnOneAttribute) {
  const Attributes rack = {{"rack", "r1"}};
  EXPECT_TRUE(admits({on("rack", Ask::kExists)}, rack));
  EXPECT_FALSE(admits({on("rack", Ask::kNotExists)}, rack));
  EXPECT_TRUE(admits({on("rack", Ask::kTextEquals, "r1")}, rack));
  EXPECT_FALSE(admits({on("rack", Ask::kTextEquals, "r2")}, rack));
  EXPECT_FALSE(admits({on("rack", Ask::kTextNotEquals, "r1")}, rack));
  EXPECT_TRUE(admits({on("rack", Ask::kTextNotEquals, "r2")}, rack));
  EXPECT_TRUE(admits({on("rack", Ask::kTextMatches, "r[0-9]+")}, rack));
  EXPECT_FALSE(admits({on("rack", Ask::kTextMatches, "[0-9]+")}, rack)) << "the whole text";
  EXPECT_FALSE(admits({on("rack", Ask::kTextNotMatches, "r.")}, rack));
  EXPECT_TRUE(admits({on("rack", Ask::kTextNotMatches, "x")}, rack));
}

TEST(OfferConstraints, WhatIsMissingIsNotEqual) {
  EXPECT_FALSE(admits({on("rack", Ask::kExists)}, {}));
  EXPECT_TRUE(admits({on("rack", Ask::kNotExists)}, {}));
  EXPECT_FALSE(admits({on("rack", Ask::kTextEquals, "r1")}, {}));
  EXPECT_FALSE(admits({on("rack", Ask::kTextEquals, "")}, {}));
  EXPECT_TRUE(admits({on("rack", Ask::kTextNotEquals, "r1")}, {}));
  EXPECT_FALSE(admits({on("rack", Ask::kTextMatches, ".*")}, {}));
  EXPECT_TRUE(admits({on("rack", Ask::kTextNotMatches, ".*")}, {}));
}

TEST(OfferConstraints, OfSeveralWithOneName) {
  const Attributes two = {{"disk", "ssd"}, {"disk", "hdd"}};
  EXPECT_TRUE(admits({on("disk", Ask::kTextEquals, "hdd")}, two)) << "one of them";
  EXPECT_FALSE(admits({on("disk", Ask::kTextNotEquals, "hdd")}, two)) << "all of them";
  EXPECT_TRUE(admits({on("disk", Ask::kTextNotEquals, "nvme")}, two));
  EXPECT_TRUE(admits({on("disk", Ask::kTextMatches, "s.*")}, two));
  EXPECT_FALSE(admits({on("disk", Ask::kTextNotMatches, "s.*")}, two));
}

TEST(OfferConstraints, AllOfOneGroupOrAllOfAnother) {
  const std::vector<OfferConstraintView> views = {on("rack", Ask::kTextEquals, "r1", 7),
                                                  on("rack", Ask::kTextEquals, "r2", 3),
                                                  on("disk", Ask::kTextEquals, "ssd", 7)};
  EXPECT_TRUE(admits(views, {{"rack", "r1"}, {"disk", "ssd"}}));
  EXPECT_FALSE(admits(views, {{"rack", "r1"}, {"disk", "hdd"}}));
  EXPECT_TRUE(admits(views, {{"rack", "r2"}, {"disk", "hdd"}}));
  EXPECT_FALSE(admits(views, {{"rack", "r3"}, {"disk", "ssd"}}));
}

TEST(OfferConstraints, HostnameRegionAndZone) {
  const auto test = [](Target target, Ask ask, std::string_view value) {
    return admits({{"ads", 0, target, "", ask, value}}, {{"hostname", "other"}});
  };
  EXPECT_TRUE(test(Target::kHostname, Ask::kTextEquals, "host-1"));
  EXPECT_TRUE(test(Target::kHostname, Ask::kTextMatches, "host-[0-9]"));
  EXPECT_TRUE(test(Target::kRegion, Ask::kTextEquals, "eu"));
  EXPECT_FALSE(test(Target::kRegion, Ask::kNotExists, ""));
  EXPECT_FALSE(test(Target::kZone, Ask::kExists, "")) << "an empty zone is none";
  EXPECT_FALSE(test(Target::kZone, Ask::kTextEquals, ""));
  EXPECT_TRUE(test(Target::kZone, Ask::kTextNotEquals, "z"));
  EXPECT_TRUE(test(Target::kZone, Ask::kTextNotMatches, ".*"));
}

TEST(OfferConstraints, RefuseWhatMakesNoSense) {
  EXPECT_NE(refusal(on("", Ask::kExists)).find("no name"), std::string::npos);
  EXPECT_NE(refusal({"ads", 0, Target::kZone, "x", Ask::kExists, ""}).find("only attributes"),
            std::string::npos);
  EXPECT_NE(refusal(on("a", Ask::kExists, "v")).find("takes no value"), std::string::npos);
  EXPECT_NE(refusal(on("a", Ask::kTextEquals, "\x01")).find("clean"), std::string::npos);
  EXPECT_NE(refusal(on("a", static_cast<Ask>(6))).find("unknown"), std::string::npos);
  EXPECT_NE(refusal({"ads", 0, static_cast<Target>(4), "", Ask::kExists, ""}).find("unknown"),
            std::string::npos);
  const std::vector<OfferConstraintView> many(kMaxOfferConstraints + 1, on("a", Ask::kExists));
  EXPECT_FALSE(OfferConstraints::compile(many).ok());
}

TEST(OfferConstraints, RefuseBadAndDearExpressions) {
  const auto match = [](std::string_view regex) {
    return refusal(on("a", Ask::kTextMatches, regex));
  };
  EXPECT_EQ(match("r[0-9]+-(a|b).*"), "");
  EXPECT_NE(match("(").find("regular expression '('"), std::string::npos);
  EXPECT_NE(match("a{1000}").find("regular expression"), std::string::npos);
  EXPECT_NE(match("((a{9}){9}){9}").find("regular expression"), std::string::npos);
  EXPECT_NE(match("\\pL{20}").find("regular expression"), std::string::npos);
  EXPECT_NE(match("(?P<n>a)(?=b)").find("regular expression"), std::string::npos);
  EXPECT_NE(match("(a)\\1").find("regular expression"), std::string::npos) << "no references back";
  EXPECT_NE(match(std::string(kMaxRegexBytes + 1, 'a')).find("257 bytes"), std::string::npos);
  EXPECT_EQ(match("(a)\\1").find('\n'), std::string::npos);
}

// What makes other matchers take for ever.
TEST(OfferConstraints, MatchingIsLinear) {
  const std::string text = std::string(4000, 'a') + "b";
  EXPECT_FALSE(admits({on("x", Ask::kTextMatches, "(a*)*(a|aa)*c")}, {{"x", text}}));
  EXPECT_TRUE(admits({on("x", Ask::kTextMatches, "(a*)*(a|aa)*b")}, {{"x", text}}));
}

}  // namespace
}  // namespace shoal::core
