// The checker finds what is wrong, and only that: pinned cases, and small histories for which all
// orders are tried.
#include "support/history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <iostream>
#include <optional>
#include <random>

namespace swarm::test {
namespace {

using Kind = Operation::Kind;
using Time = Operation::Time;
using testing::HasSubstr;

Operation Write(Time asked, Time answered, std::uint64_t base, std::uint64_t version,
                std::string value) {
  return {Kind::kWrite, asked, answered, base, version, std::move(value)};
}
Operation NoAnswer(Time asked, std::uint64_t base, std::string value) {
  return Write(asked, Operation::kNever, base, 0, std::move(value));
}
Operation Read(Time asked, Time answered, std::uint64_t version, std::string value) {
  return {Kind::kRead, asked, answered, 0, version, std::move(value)};
}
Operation ReadNothing(Time asked, Time answered) { return Read(asked, answered, 0, ""); }
Operation Refused(Time asked, Time answered, std::uint64_t base) {
  return {Kind::kRefused, asked, answered, base};
}
Operation Remove(Time asked, Time answered) { return {Kind::kRemove, asked, answered}; }

TEST(HistoryTest, AcceptsWhatOneOrderExplains) {
  EXPECT_EQ(Contradiction({}), "");
  EXPECT_EQ(
      Contradiction({Write(1, 2, 0, 5, "a"), Read(3, 4, 5, "a"), Write(5, 6, 5, 9, "b"),
                     Refused(7, 8, 5), Read(9, 10, 9, "b"), Remove(11, 12), ReadNothing(13, 14)}),
      "");
  // What is under way may be seen already or not yet.
  EXPECT_EQ(Contradiction({Write(1, 2, 0, 5, "a"), Write(3, 10, 5, 6, "b"), Read(4, 5, 5, "a"),
                           Read(6, 7, 6, "b")}),
            "");
}

TEST(HistoryTest, AnUnansweredWriteMayHaveBeenDoneOrNot) {
  EXPECT_EQ(Contradiction({Write(1, 2, 0, 5, "a"), NoAnswer(3, 5, "b"), Read(4, 5, 5, "a")}), "");
  EXPECT_EQ(Contradiction({Write(1, 2, 0, 5, "a"), NoAnswer(3, 5, "b"), Read(4, 5, 5, "a"),
                           Read(90, 91, 7, "b")}),
            "");
  EXPECT_EQ(Contradiction({Write(1, 2, 0, 5, "a"), NoAnswer(3, 5, "b"), Refused(4, 5, 5)}), "");
  EXPECT_THAT(Contradiction({Write(1, 2, 0, 5, "a"), NoAnswer(6, 5, "b"), Refused(3, 4, 5)}),
              HasSubstr("refused"));
  EXPECT_NE(Contradiction({Write(1, 2, 0, 5, "a"), NoAnswer(6, 5, "b"), Read(3, 4, 7, "b")}), "");
}

TEST(HistoryTest, FindsAStaleRead) {
  EXPECT_THAT(Contradiction({Write(1, 2, 0, 5, "a"), Write(3, 4, 5, 6, "b"), Read(5, 6, 5, "a")}),
              HasSubstr("read a (version 5) [5, 6] after"));
  // Nobody has to have been told of the write, if somebody has read it.
  EXPECT_NE(Contradiction({Write(1, 2, 0, 5, "a"), NoAnswer(3, 5, "b"), Read(5, 6, 6, "b"),
                           Read(7, 8, 5, "a")}),
            "");
}

TEST(HistoryTest, FindsALostWrite) {
  EXPECT_NE(Contradiction({Write(1, 2, 0, 5, "a"), ReadNothing(3, 4)}), "");
  EXPECT_NE(Contradiction({Write(1, 2, 0, 5, "a"), Write(3, 4, 5, 6, "b"), Write(5, 6, 5, 7, "c")}),
            "")
      << "two writes over the same version";
}

TEST(HistoryTest, FindsAVersionGivenTwice) {
  EXPECT_NE(Contradiction({Write(1, 2, 0, 5, "a"), NoAnswer(3, 5, "b"), Read(4, 5, 5, "b")}), "");
  const std::vector<Operation> one = {Write(1, 2, 0, 5, "a")};
  const std::vector<Operation> two = {Write(3, 4, 0, 5, "b")};
  const std::vector<Operation> three = {Write(3, 4, 0, 6, "b")};
  EXPECT_THAT(GivenTwice({&one, &two}), HasSubstr("wrote a"));
  EXPECT_EQ(GivenTwice({&one, &three}), "");
}

TEST(HistoryTest, FindsWhatNobodyWroteAndWhatCameBack) {
  EXPECT_THAT(Contradiction({Write(1, 2, 0, 5, "a"), Read(3, 4, 6, "z")}),
              HasSubstr("nobody wrote"));
  EXPECT_NE(Contradiction({Write(1, 2, 0, 5, "a"), Remove(3, 4), Read(5, 6, 5, "a")}), "");
}

TEST(HistoryTest, FindsAnUnfoundedRefusal) {
  EXPECT_THAT(Contradiction({Write(1, 2, 0, 5, "a"), Refused(3, 4, 5), Write(6, 7, 5, 8, "b")}),
              HasSubstr("all the time"));
}

// ---- against all orders

// The object as it really behaves.
struct Object {
  std::uint64_t version = Operation::kAbsent;
  bool removed = false;
  std::string value;
  // Its version is one that nobody was told.
  bool secret = false;
};

// Whether the operation can come next; changes the object.
bool Apply(const Operation& op, const std::vector<Operation>& history, Object& object) {
  switch (op.kind) {
    case Kind::kWrite: {
      if (object.removed || object.secret || op.base != object.version) return false;
      std::uint64_t version = op.version;
      if (op.answered == Operation::kNever) {
        version = 0;
        for (const Operation& other : history) {
          if (other.kind == Kind::kRead && other.value == op.value) version = other.version;
        }
      }
      object.secret = version == 0;
      if (!object.secret && version <= object.version) return false;
      object.version = version;
      object.value = op.value;
      return true;
    }
    case Kind::kRemove:
      if (object.removed || object.value.empty()) return false;
      object.removed = true;
      return true;
    case Kind::kRead:
      if (op.version == Operation::kAbsent) return object.removed || object.value.empty();
      return !object.removed && !object.secret && object.version == op.version &&
             object.value == op.value;
    case Kind::kRefused:
      return !object.removed && !object.value.empty() &&
             (object.secret || object.version != op.base);
  }
  return false;
}

bool SomeOrder(const std::vector<Operation>& history, unsigned done, const Object& object) {
  bool all = true;
  for (std::size_t i = 0; i < history.size(); ++i) {
    if ((done >> i & 1U) == 0 && history[i].answered != Operation::kNever) all = false;
  }
  if (all) return true;
  for (std::size_t i = 0; i < history.size(); ++i) {
    if ((done >> i & 1U) != 0) continue;
    bool first = true;
    for (std::size_t j = 0; j < history.size(); ++j) {
      if ((done >> j & 1U) == 0 && history[j].answered < history[i].asked) first = false;
    }
    Object next = object;
    if (first && Apply(history[i], history, next) && SomeOrder(history, done | 1U << i, next)) {
      return true;
    }
  }
  return false;
}

// A history as a right object gives it, with overlapping calls.
std::vector<Operation> RightHistory(std::mt19937_64& random) {
  const auto below = [&](std::uint64_t n) { return random() % n; };
  std::vector<Operation> history;
  Object object;
  Time now = 10;
  std::uint64_t version = 0;
  const std::size_t count = 3 + below(5);
  for (std::size_t i = 0; i < count; ++i) {
    now += 10;
    Operation op;
    op.asked = now - static_cast<Time>(below(25));
    op.answered = now + static_cast<Time>(below(25));
    const bool there = !object.value.empty() && !object.removed;
    const auto dice = below(10);
    if (dice < 5 && !object.removed && !object.secret) {
      op.kind = Kind::kWrite;
      op.base = object.version;
      op.version = version += 1 + below(2);
      op.value = "w" + std::to_string(i);
      const bool done = below(4) != 0;
      if (!done || below(4) == 0) op.answered = Operation::kNever;
      if (done) object = {op.version, false, op.value, op.answered == Operation::kNever};
    } else if (dice < 6 && there) {
      op.kind = Kind::kRemove;
      object.removed = true;
    } else if (dice < 7 && there && object.version > 1) {
      op.kind = Kind::kRefused;
      op.base = 1 + below(object.version - 1);
    } else {
      op.kind = Kind::kRead;
      op.version = there ? object.version : 0;
      op.value = there ? object.value : "";
      if (there) object.secret = false;  // now somebody knows it
    }
    history.push_back(op);
  }
  return history;
}

void Spoil(std::vector<Operation>& history, std::mt19937_64& random) {
  Operation& op = history[random() % history.size()];
  const Operation& other = history[random() % history.size()];
  switch (random() % 5) {
    case 0:
      if (op.kind == Kind::kRead && other.kind != Kind::kRefused && other.kind != Kind::kRemove) {
        op.version = other.version;
        op.value = other.version == 0 ? "" : other.value;
      }
      break;
    case 1:
      op.asked += static_cast<Time>(random() % 40);
      if (op.answered != Operation::kNever) op.answered = std::max(op.answered, op.asked);
      break;
    case 2:
      if (op.answered != Operation::kNever) op.asked = op.answered = op.answered / 2;
      break;
    case 3:
      if (op.kind == Kind::kRefused || op.kind == Kind::kWrite) op.base = other.version;
      break;
    default:
      if (op.kind == Kind::kRead) op = {Kind::kRead, op.asked, op.answered};
      break;
  }
}

TEST(HistoryTest, AgreesWithTryingAllOrders) {
  int right = 0;
  int wrong = 0;
  for (std::uint64_t seed = 1; seed <= 60'000; ++seed) {
    std::mt19937_64 random(seed);
    std::vector<Operation> history = RightHistory(random);
    if (seed % 3 != 0) Spoil(history, random);
    if (seed % 3 == 2) Spoil(history, random);
    const bool expected = SomeOrder(history, 0, {});
    const std::string found = Contradiction(history);
    std::string all;
    for (const Operation& op : history) all += Describe(op) + "\n";
    ASSERT_EQ(found.empty(), expected) << "seed " << seed << ": " << found << "\n" << all;
    if (seed % 3 == 0) {
      ASSERT_TRUE(expected) << "seed " << seed;
    }
    ++(expected ? right : wrong);
  }
  std::cout << right << " histories of some order, " << wrong << " of none\n";
  EXPECT_GT(right, 20'000);
  EXPECT_GT(wrong, 3'000);
}

}  // namespace
}  // namespace swarm::test
