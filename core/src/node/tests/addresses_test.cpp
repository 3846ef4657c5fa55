#include "node/addresses.h"

#include <gtest/gtest.h>

namespace swarm::node {
namespace {

const std::vector<OwnAddress> kMachine = {
    {"127.0.0.1", false}, {"169.254.3.4", false}, {"192.0.2.7", false}, {"198.51.100.9", false},
    {"::1", true},        {"fe80::1", true},      {"2001:db8::7", true}};

TEST(AddressesTest, WhatIsNoWildcardIsToldAsItIs) {
  EXPECT_EQ(Dialable("10.0.0.5:4242", kMachine), "10.0.0.5:4242");
  EXPECT_EQ(Dialable("127.0.0.1:4242", kMachine), "127.0.0.1:4242");
  EXPECT_EQ(Dialable("[2001:db8::9]:4242", kMachine), "[2001:db8::9]:4242");
  EXPECT_EQ(Dialable("", kMachine), "");
}

TEST(AddressesTest, AWildcardBecomesTheFirstGlobalAddress) {
  EXPECT_EQ(Dialable("0.0.0.0:4242", kMachine), "192.0.2.7:4242");
  EXPECT_EQ(Dialable("[::]:4242", kMachine), "192.0.2.7:4242");
  EXPECT_EQ(Dialable(":4242", kMachine), "192.0.2.7:4242");
}

TEST(AddressesTest, OfTheOtherFamilyOnlyWhereItIsListenedOn) {
  const std::vector<OwnAddress> v6_only = {
      {"127.0.0.1", false}, {"::1", true}, {"2001:db8::7", true}};
  EXPECT_EQ(Dialable("[::]:4242", v6_only), "[2001:db8::7]:4242");
  EXPECT_EQ(Dialable("0.0.0.0:4242", v6_only), "127.0.0.1:4242");
}

TEST(AddressesTest, LoopbackWithoutAnyOther) {
  EXPECT_EQ(Dialable("0.0.0.0:4242", {}), "127.0.0.1:4242");
  EXPECT_EQ(Dialable("[::]:1", {{"127.0.0.1", false}, {"169.254.3.4", false}, {"fe80::1", true}}),
            "127.0.0.1:1");
}

TEST(AddressesTest, ThisMachineHasItsLoopback) {
  bool loopback = false;
  for (const OwnAddress& own : OwnAddresses()) loopback |= own.text == "127.0.0.1";
  EXPECT_TRUE(loopback);
}

}  // namespace
}  // namespace swarm::node
