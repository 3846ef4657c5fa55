// A persistent ordered set: a B+tree whose versions share what they have in common. Copying a tree
// costs one counter; changing a copy leaves the original as it was.
//
// One run of changes has an edit number of its own: nodes made in the run are changed in place, so
// many changes copy a node only once. Whoever publishes a tree never uses its number again.
//
// The policy P gives:
//   Entry    what leaves hold: default constructible, movable, copyable
//   Handle   what an entry is ordered by, borrowed from it: trivially copyable
//   Probe    what can be searched for; made of a Handle with P::ToProbe
//   Hint     what decides most comparisons without a look into the memory that a Handle refers to,
//            which inner nodes keep beside it; HintOf(Handle), HintOf(Probe)
//   Compare(Handle, Probe)  <0, 0, >0
//   Compare(Handle, Hint, Probe, Hint)  the same
//   kLeafWidth  entries in a leaf; few where copying an entry is dear
//   Join(Entry& added, const Entry* before, const Entry* after)  may share what neighbours own
// Threading: a tree has one user at a time; its versions may be used and dropped on any thread.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace swarm::store {

template <class P>
class Tree {
 public:
  using Entry = typename P::Entry;
  using Handle = typename P::Handle;
  using Probe = typename P::Probe;
  using Hint = typename P::Hint;

  Tree() = default;
  Tree(const Tree& other) : root_(other.root_), size_(other.size_) { Retain(root_); }
  Tree(Tree&& other) noexcept
      : root_(std::exchange(other.root_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Tree& operator=(Tree other) noexcept {
    std::swap(root_, other.root_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Tree() { Release(root_); }

  std::size_t size() const { return size_; }

  // Null when there is none; valid until the tree changes.
  const Entry* Find(const Probe& probe) const {
    const Node* node = root_;
    if (!node) return nullptr;
    const Hint hint = P::HintOf(probe);
    while (node->height > 0) {
      const auto* inner = static_cast<const Inner*>(node);
      node = inner->child[ChildFor(*inner, probe, hint)];
    }
    const auto* leaf = static_cast<const Leaf*>(node);
    const std::size_t at = LowerBound(*leaf, probe);
    if (at == leaf->count || P::Compare(P::ToHandle(leaf->entries[at]), probe) != 0) return nullptr;
    return &leaf->entries[at];
  }

  // Calls `visit` on each entry not before `from`, in order, until it returns false.
  template <class Visit>
  void WalkFrom(const Probe& from, Visit&& visit) const {
    if (root_) Walk(root_, &from, visit);
  }
  template <class Visit>
  void WalkAll(Visit&& visit) const {
    if (root_) Walk(root_, nullptr, visit);
  }

  // Adds the entry or replaces the equal one.
  void Put(Entry entry, std::uint64_t edit) {
    if (!root_) root_ = new Leaf(edit);
    Node* right = PutInto(root_, std::move(entry), edit);
    if (right) Grow(right, edit);
  }

  // Whether there was one.
  bool Erase(const Probe& probe, std::uint64_t edit) {
    if (!Find(probe)) return false;
    EraseFrom(root_, probe, edit);
    --size_;
    if (root_->count == 0) {
      Release(std::exchange(root_, nullptr));
    } else if (root_->height > 0 && root_->count == 1) {
      Node* only = static_cast<Inner*>(root_)->child[0];
      Retain(only);
      Release(std::exchange(root_, only));
    }
    return true;
  }

 private:
  static constexpr std::size_t kLeafWidth = P::kLeafWidth;
  static constexpr std::size_t kInnerWidth = 16;

  struct Node {
    Node(std::uint16_t h, std::uint64_t e) : height(h), edit(e) {}
    std::atomic<std::uint32_t> refs{1};
    std::uint16_t count = 0;
    const std::uint16_t height;  // 0: a leaf
    const std::uint64_t edit;
  };
  struct Leaf : Node {
    explicit Leaf(std::uint64_t edit) : Node(0, edit) {}
    std::array<Entry, kLeafWidth> entries;
  };
  struct Sign {
    Handle handle;
    Hint hint;
  };
  struct Inner : Node {
    Inner(std::uint16_t height, std::uint64_t edit) : Node(height, edit) {}
    // Of the first entry below each child. Exact, so that it lives as long as that entry.
    std::array<Sign, kInnerWidth> first;
    std::array<Node*, kInnerWidth> child;
  };

  static std::size_t WidthOf(const Node& node) {
    return node.height == 0 ? kLeafWidth : kInnerWidth;
  }

  static void Retain(Node* node) {
    if (node) node->refs.fetch_add(1, std::memory_order_relaxed);
  }
  static void Release(Node* node) {
    if (!node || node->refs.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    if (node->height == 0) {
      delete static_cast<Leaf*>(node);
      return;
    }
    auto* inner = static_cast<Inner*>(node);
    for (std::size_t i = 0; i < inner->count; ++i) Release(inner->child[i]);
    delete inner;
  }

  static Sign FirstOf(const Node* node) {
    if (node->height > 0) return static_cast<const Inner*>(node)->first[0];
    const Handle handle = P::ToHandle(static_cast<const Leaf*>(node)->entries[0]);
    return {handle, P::HintOf(handle)};
  }

  static std::size_t LowerBound(const Leaf& leaf, const Probe& probe) {
    std::size_t low = 0;
    std::size_t high = leaf.count;
    while (low < high) {
      const std::size_t middle = (low + high) / 2;
      if (P::Compare(P::ToHandle(leaf.entries[middle]), probe) < 0) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  // The last child that begins at or before the probe, or the first child.
  static std::size_t ChildFor(const Inner& inner, const Probe& probe, const Hint& hint) {
    std::size_t low = 1;
    std::size_t high = inner.count;
    while (low < high) {
      const std::size_t middle = (low + high) / 2;
      const Sign& sign = inner.first[middle];
      if (P::Compare(sign.handle, sign.hint, probe, hint) <= 0) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low - 1;
  }

  template <class Visit>
  static bool Walk(const Node* node, const Probe* from, Visit& visit) {
    if (node->height == 0) {
      const auto* leaf = static_cast<const Leaf*>(node);
      for (std::size_t i = from ? LowerBound(*leaf, *from) : 0; i < leaf->count; ++i) {
        if (!visit(leaf->entries[i])) return false;
      }
      return true;
    }
    const auto* inner = static_cast<const Inner*>(node);
    for (std::size_t i = from ? ChildFor(*inner, *from, P::HintOf(*from)) : 0; i < inner->count;
         ++i) {
      if (!Walk(inner->child[i], from, visit)) return false;
      from = nullptr;
    }
    return true;
  }

  // Makes `node` one that this run of changes may change.
  static void MakeOwn(Node*& node, std::uint64_t edit) {
    if (node->edit == edit) return;
    Node* copy;
    if (node->height == 0) {
      auto* leaf = new Leaf(edit);
      const auto* old = static_cast<const Leaf*>(node);
      std::copy_n(old->entries.begin(), old->count, leaf->entries.begin());
      copy = leaf;
    } else {
      auto* inner = new Inner(node->height, edit);
      const auto* old = static_cast<const Inner*>(node);
      std::copy_n(old->first.begin(), old->count, inner->first.begin());
      std::copy_n(old->child.begin(), old->count, inner->child.begin());
      for (std::size_t i = 0; i < old->count; ++i) Retain(inner->child[i]);
      copy = inner;
    }
    copy->count = node->count;
    Release(std::exchange(node, copy));
  }

  void Grow(Node* right, std::uint64_t edit) {
    auto* top = new Inner(static_cast<std::uint16_t>(root_->height + 1), edit);
    top->count = 2;
    top->child[0] = root_;
    top->child[1] = right;
    top->first[0] = FirstOf(root_);
    top->first[1] = FirstOf(right);
    root_ = top;
  }

  // Returns the right half when the node had to be split.
  Node* PutInto(Node*& node, Entry entry, std::uint64_t edit) {
    MakeOwn(node, edit);
    if (node->height == 0) return PutIntoLeaf(*static_cast<Leaf*>(node), std::move(entry), edit);
    auto& inner = *static_cast<Inner*>(node);
    const Handle handle = P::ToHandle(entry);
    const std::size_t at = ChildFor(inner, P::ToProbe(handle), P::HintOf(handle));
    Node* right = PutInto(inner.child[at], std::move(entry), edit);
    inner.first[at] = FirstOf(inner.child[at]);
    return right ? AddChild(inner, at + 1, right, edit) : nullptr;
  }

  Node* PutIntoLeaf(Leaf& leaf, Entry entry, std::uint64_t edit) {
    const Probe probe = P::ToProbe(P::ToHandle(entry));
    std::size_t at = LowerBound(leaf, probe);
    if (at < leaf.count && P::Compare(P::ToHandle(leaf.entries[at]), probe) == 0) {
      leaf.entries[at] = std::move(entry);
      return nullptr;
    }
    ++size_;
    P::Join(entry, at > 0 ? &leaf.entries[at - 1] : nullptr,
            at < leaf.count ? &leaf.entries[at] : nullptr);
    Leaf* target = &leaf;
    Leaf* right = nullptr;
    if (leaf.count == kLeafWidth) {
      right = new Leaf(edit);
      // Rising keys leave full nodes behind.
      const std::size_t keep = at == kLeafWidth ? kLeafWidth : kLeafWidth / 2;
      std::move(leaf.entries.begin() + keep, leaf.entries.end(), right->entries.begin());
      right->count = static_cast<std::uint16_t>(kLeafWidth - keep);
      leaf.count = static_cast<std::uint16_t>(keep);
      if (at >= keep) {
        target = right;
        at -= keep;
      }
    }
    std::move_backward(target->entries.begin() + at, target->entries.begin() + target->count,
                       target->entries.begin() + target->count + 1);
    target->entries[at] = std::move(entry);
    ++target->count;
    return right;
  }

  Node* AddChild(Inner& inner, std::size_t at, Node* added, std::uint64_t edit) {
    Inner* target = &inner;
    Inner* right = nullptr;
    if (inner.count == kInnerWidth) {
      right = new Inner(inner.height, edit);
      const std::size_t keep = at == kInnerWidth ? kInnerWidth : kInnerWidth / 2;
      std::copy(inner.first.begin() + keep, inner.first.end(), right->first.begin());
      std::copy(inner.child.begin() + keep, inner.child.end(), right->child.begin());
      right->count = static_cast<std::uint16_t>(kInnerWidth - keep);
      inner.count = static_cast<std::uint16_t>(keep);
      if (at >= keep) {
        target = right;
        at -= keep;
      }
    }
    const std::size_t count = target->count;
    std::copy_backward(target->first.begin() + at, target->first.begin() + count,
                       target->first.begin() + count + 1);
    std::copy_backward(target->child.begin() + at, target->child.begin() + count,
                       target->child.begin() + count + 1);
    target->first[at] = FirstOf(added);
    target->child[at] = added;
    ++target->count;
    return right;
  }

  void EraseFrom(Node*& node, const Probe& probe, std::uint64_t edit) {
    MakeOwn(node, edit);
    if (node->height == 0) {
      auto& leaf = *static_cast<Leaf*>(node);
      const std::size_t at = LowerBound(leaf, probe);
      std::move(leaf.entries.begin() + at + 1, leaf.entries.begin() + leaf.count,
                leaf.entries.begin() + at);
      leaf.entries[--leaf.count] = Entry();
      return;
    }
    auto& inner = *static_cast<Inner*>(node);
    const std::size_t at = ChildFor(inner, probe, P::HintOf(probe));
    EraseFrom(inner.child[at], probe, edit);
    if (inner.child[at]->count == 0) {
      Release(inner.child[at]);
      RemoveChild(inner, at);
      return;
    }
    inner.first[at] = FirstOf(inner.child[at]);
    // A sparse node joins a neighbour if both fit into one.
    if (inner.child[at]->count < WidthOf(*inner.child[at]) / 3) JoinNeighbour(inner, at, edit);
  }

  static void RemoveChild(Inner& inner, std::size_t at) {
    std::copy(inner.first.begin() + at + 1, inner.first.begin() + inner.count,
              inner.first.begin() + at);
    std::copy(inner.child.begin() + at + 1, inner.child.begin() + inner.count,
              inner.child.begin() + at);
    --inner.count;
  }

  // Moves what the right one of two neighbours holds into the left one, if it fits.
  void JoinNeighbour(Inner& inner, std::size_t at, std::uint64_t edit) {
    if (inner.count < 2) return;
    const std::size_t left_at = at + 1 < inner.count ? at : at - 1;
    if (inner.child[left_at]->count + inner.child[left_at + 1]->count >
        WidthOf(*inner.child[left_at])) {
      return;
    }
    MakeOwn(inner.child[left_at], edit);
    Node* left = inner.child[left_at];
    Node* right = inner.child[left_at + 1];
    if (left->height == 0) {
      auto& to = *static_cast<Leaf*>(left);
      const auto& from = *static_cast<const Leaf*>(right);
      std::copy_n(from.entries.begin(), from.count, to.entries.begin() + to.count);
    } else {
      auto& to = *static_cast<Inner*>(left);
      const auto& from = *static_cast<const Inner*>(right);
      std::copy_n(from.first.begin(), from.count, to.first.begin() + to.count);
      std::copy_n(from.child.begin(), from.count, to.child.begin() + to.count);
      for (std::size_t i = 0; i < from.count; ++i) Retain(from.child[i]);
    }
    left->count = static_cast<std::uint16_t>(left->count + right->count);
    Release(right);
    RemoveChild(inner, left_at + 1);
    inner.first[left_at] = FirstOf(left);
  }

  Node* root_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace swarm::store
