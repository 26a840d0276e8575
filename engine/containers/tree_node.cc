#include "engine/containers/tree_node.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <new>

#include "engine/base/assert.h"
#include "engine/base/memory.h"

namespace alai {

namespace {

constexpr double kIntegerMax = 0x1p53;  // up to here doubles hold every integer

// Integers that a base and a distance stand for exactly; -0.0 is not one.
bool IsInteger(double score) {
  if (!(std::abs(score) <= kIntegerMax)) return false;
  const auto whole = static_cast<double>(static_cast<int64_t>(score));
  return std::bit_cast<uint64_t>(whole) == std::bit_cast<uint64_t>(score);
}

constexpr double DistanceMax(uint32_t width) { return width == 2 ? UINT16_MAX : UINT32_MAX; }

template <class T>
T Load(const char* from) {
  T value;
  std::memcpy(&value, from,
              sizeof value);  // NOLINT(bugprone-sizeof-expression): T may be a pointer
  return value;
}

// How many of the ascending numbers are less than `limit`, without branches on their values.
template <class T>
uint32_t CountLessThan(const T* numbers, uint32_t count, T limit) {
  const T* at = numbers;
  for (uint32_t left = count; left > 1;) {
    const uint32_t half = left / 2;
    at += at[half - 1] < limit ? half : 0;
    left -= half;
  }
  return static_cast<uint32_t>(at - numbers) + (count != 0 && *at < limit ? 1 : 0);
}

// The same of distances, for a limit that may lie outside of what they can be.
uint32_t CountDistancesLess(const char* scores, uint32_t width, uint32_t count, double limit) {
  if (!(limit > 0)) return 0;
  if (limit > DistanceMax(width)) return count;
  if (width == 2) {
    return CountLessThan(reinterpret_cast<const uint16_t*>(scores), count,
                         static_cast<uint16_t>(limit));
  }
  return CountLessThan(reinterpret_cast<const uint32_t*>(scores), count,
                       static_cast<uint32_t>(limit));
}

void Shift(char* to, const char* from, size_t bytes) { std::memmove(to, from, bytes); }

}  // namespace

// How the keys of some pieces are packed into one node.
struct TreeNode::Packing {
  uint32_t key_count = 0;
  uint32_t member_bytes = 0;
  uint32_t long_count = 0;
  uint32_t width = 0;
  double base = 0;

  size_t bytes() const { return key_count * (width + 1) + member_bytes; }
};

TreeNode::TreeNode(uint32_t of_generation, uint32_t id, uint32_t level, const Packing& packing)
    : NodeBlock(of_generation, id, static_cast<uint8_t>(level)),
      score_width_(static_cast<uint8_t>(packing.width)),
      long_count_(static_cast<uint8_t>(packing.long_count)),
      key_count_(static_cast<uint8_t>(packing.key_count)),
      member_bytes_(packing.member_bytes),
      base_(packing.base) {
  DASSERT(packing.key_count <= UINT8_MAX);
}

TreeNode::Packing TreeNode::PackingOf(std::span<const Piece> pieces) {
  Packing packing;
  bool integers = true;
  bool same = true;
  double first = 0;
  double last = 0;
  const auto add = [&](double score) {
    if (packing.key_count == 0) first = score;
    last = score;
    same = same && std::bit_cast<uint64_t>(score) == std::bit_cast<uint64_t>(first);
    integers = integers && IsInteger(score);
    ++packing.key_count;
  };
  for (const Piece& piece : pieces) {
    if (piece.node == nullptr) {
      add(piece.key->score);
      packing.member_bytes += piece.key->stored_bytes();
      packing.long_count += piece.key->outside != nullptr ? 1 : 0;
      continue;
    }
    if (piece.count() == 0) continue;
    const TreeNode& node = *piece.node;
    if (node.score_width_ == 8) {
      for (uint32_t i = piece.first; i < piece.end; ++i) add(node.score(i));
    } else {
      // The first and the last stand for all: they ascend, and are integers or the same.
      add(node.score(piece.first));
      add(node.score(piece.end - 1));
      packing.key_count += piece.count() - 2;
    }
    packing.member_bytes += node.StoredBetween(piece.first, piece.end);
    for (uint32_t i = piece.first; node.HasLong() && i < piece.end; ++i) {
      packing.long_count += node.IsLong(i) ? 1 : 0;
    }
  }
  packing.base = first;
  if (same) return packing;
  const double range = last - first;
  packing.width = !integers || range > UINT32_MAX ? 8 : range > UINT16_MAX ? 4 : 2;
  if (packing.width != 8) {
    // Room is left below as above, so that new scores fit on both sides.
    const double room = std::floor((DistanceMax(packing.width) - range) / 2);
    packing.base = std::max(first - room, -kIntegerMax);
  }
  return packing;
}

void TreeNode::Fill(std::span<const Piece> pieces) {
  auto* length = const_cast<uint8_t*>(lengths());
  auto* member = const_cast<char*>(members());
  uint32_t at = 0;
  for (const Piece& piece : pieces) {
    if (piece.node == nullptr) {
      PutScore(at++, piece.key->score);
      *length++ = piece.key->stored_length();
      piece.key->CopyTo(member);
      member += piece.key->stored_bytes();
      continue;
    }
    const TreeNode& node = *piece.node;
    if (node.score_width_ == score_width_ &&
        std::bit_cast<uint64_t>(node.base_) == std::bit_cast<uint64_t>(base_)) {
      std::memcpy(scores() + at * score_width_, node.scores() + piece.first * score_width_,
                  piece.count() * score_width_);
      at += piece.count();
    } else {
      for (uint32_t i = piece.first; i < piece.end; ++i) PutScore(at++, node.score(i));
    }
    std::memcpy(length, node.lengths() + piece.first, piece.count());
    length += piece.count();
    const uint32_t bytes = node.StoredBetween(piece.first, piece.end);
    std::memcpy(member, node.members() + node.Offset(piece.first), bytes);
    member += bytes;
  }
}

TreeNode* TreeNode::NewLeaf(VersionedBlocks* blocks, uint32_t leaf_id,
                            std::span<const Piece> pieces) {
  const Packing packing = PackingOf(pieces);
  void* const room = blocks->Allocate(UsableSize(sizeof(TreeNode) + packing.bytes()));
  auto* leaf = new (room) TreeNode(blocks->generation(), leaf_id, 0, packing);
  leaf->Fill(pieces);
  return leaf;
}

TreeNode* TreeNode::NewInner(VersionedBlocks* blocks, uint32_t level,
                             std::span<TreeNode* const> children, std::span<const uint64_t> counts,
                             std::span<const Piece> pieces) {
  const Packing packing = PackingOf(pieces);
  DASSERT(packing.key_count + 1 == children.size());
  void* const room = blocks->Allocate(
      UsableSize(sizeof(TreeNode) + children.size_bytes() + counts.size_bytes() + packing.bytes()));
  auto* node = new (room) TreeNode(blocks->generation(), 0, level, packing);
  std::copy(children.begin(), children.end(), &node->child(0));
  std::copy(counts.begin(), counts.end(), node->counts().begin());
  node->Fill(pieces);
  return node;
}

TreeNode* TreeNode::Copy(VersionedBlocks* blocks, const TreeNode& node) {
  const size_t bytes = node.bytes();
  void* const room = blocks->Allocate(UsableSize(bytes));
  auto* copy = new (room) TreeNode(node);
  copy->generation = blocks->generation();
  std::memcpy(static_cast<void*>(copy + 1), &node + 1, bytes - sizeof(TreeNode));
  return copy;
}

uint64_t TreeNode::CountOfAll() const {
  if (is_leaf()) return key_count_;
  uint64_t sum = 0;
  for (const uint64_t count : counts()) sum += count;
  return sum;
}

double TreeNode::score(uint32_t i) const {
  switch (score_width_) {
    case 0:
      return base_;
    case 2:
      return base_ + reinterpret_cast<const uint16_t*>(scores())[i];
    case 4:
      return base_ + reinterpret_cast<const uint32_t*>(scores())[i];
    default:
      return reinterpret_cast<const double*>(scores())[i];
  }
}

void TreeNode::PutScore(uint32_t i, double score) {
  switch (score_width_) {
    case 0:
      break;
    case 2:
      reinterpret_cast<uint16_t*>(scores())[i] = static_cast<uint16_t>(score - base_);
      break;
    case 4:
      reinterpret_cast<uint32_t*>(scores())[i] = static_cast<uint32_t>(score - base_);
      break;
    default:
      reinterpret_cast<double*>(scores())[i] = score;
  }
}

bool TreeNode::Fits(double score) const {
  if (score_width_ == 8) return true;
  if (score_width_ == 0) {
    return std::bit_cast<uint64_t>(score) == std::bit_cast<uint64_t>(base_);
  }
  return score >= base_ && score - base_ <= DistanceMax(score_width_) && IsInteger(score);
}

LongMember* TreeNode::outside(uint32_t i) const {
  return IsLong(i) ? Load<LongMember*>(members() + Offset(i)) : nullptr;
}

std::string_view TreeNode::MemberAt(uint32_t i, uint32_t offset) const {
  const char* const at = members() + offset;
  if (IsLong(i)) [[unlikely]]
    return Load<const LongMember*>(at)->view();
  return {at, lengths()[i]};
}

TreeKey TreeNode::key(uint32_t i) const {
  TreeKey key{.score = score(i), .outside = outside(i)};
  if (key.outside == nullptr) key.member = member(i);
  return key;
}

// Eight lengths at once: their sum is at most 2040, which fits the upper 16 bits of the product.
uint32_t TreeNode::StoredBetween(uint32_t first, uint32_t end) const {
  constexpr uint64_t kEven = 0x00ff00ff00ff00ff;
  const auto* const length = lengths();
  uint32_t sum = 0;
  uint32_t i = first;
  for (; i + 8 <= end; i += 8) {
    const auto eight = Load<uint64_t>(reinterpret_cast<const char*>(length + i));
    const uint64_t pairs = (eight & kEven) + (eight >> 8 & kEven);
    sum += static_cast<uint32_t>(pairs * 0x0001000100010001 >> 48);
  }
  for (; i < end; ++i) sum += length[i];
  if (long_count_ != 0) [[unlikely]] {
    for (i = first; i < end; ++i) sum -= length[i] - StoredBytes(length[i]);
  }
  return sum;
}

uint32_t TreeNode::CountLess(double score) const {
  switch (score_width_) {
    case 0:
      return base_ < score ? key_count_ : 0;
    case 8:
      return CountLessThan(reinterpret_cast<const double*>(scores()), key_count_, score);
    default:
      return CountDistancesLess(scores(), score_width_, key_count_, std::ceil(score) - base_);
  }
}

uint32_t TreeNode::CountNotGreater(double score) const {
  switch (score_width_) {
    case 0:
      return base_ <= score ? key_count_ : 0;
    case 8: {
      const auto* const all = reinterpret_cast<const double*>(scores());
      return static_cast<uint32_t>(std::upper_bound(all, all + key_count_, score) - all);
    }
    default:
      return CountDistancesLess(scores(), score_width_, key_count_, std::floor(score) - base_ + 1);
  }
}

uint32_t TreeNode::Find(double score, std::string_view member, bool* equal) const {
  *equal = false;
  uint32_t first = CountLess(score);
  if (first == key_count_ || this->score(first) != score) return first;
  uint32_t end = first + 1;
  if (end != key_count_ && this->score(end) == score) end = CountNotGreater(score);
  uint32_t offset = Offset(first);
  while (first != end) {
    const uint32_t middle = first + (end - first) / 2;
    const uint32_t middle_offset = offset + StoredBetween(first, middle);
    const int order = MemberAt(middle, middle_offset).compare(member);
    if (order == 0) {
      *equal = true;
      return middle;
    }
    if (order < 0) {
      offset = middle_offset + Stored(middle);
      first = middle + 1;
    } else {
      end = middle;
    }
  }
  return first;
}

uint32_t TreeNode::CountBefore(const TreeBound& bound) const {
  if (bound.side == TreeBound::Side::kBeyond) return CountNotGreater(bound.score);
  bool equal;
  const uint32_t less = Find(bound.score, bound.member, &equal);
  return less + (equal && bound.side == TreeBound::Side::kAfter ? 1 : 0);
}

uint32_t TreeNode::ChildFor(const TreeBound& bound) const {
  if (bound.side == TreeBound::Side::kBeyond) return CountNotGreater(bound.score);
  bool equal;
  const uint32_t less = Find(bound.score, bound.member, &equal);
  return less + (equal ? 1 : 0);
}

// Members of a set often begin alike, so that their last bytes are compared first.
uint32_t TreeNode::FindMember(std::string_view member) const {
  const auto* const length = lengths();
  const char* at = members();
  const size_t size = member.size();
  if (size > kShortMemberBytesMax || size < 8 || HasLong()) {
    for (uint32_t i = 0; i < key_count_; ++i) {
      const std::string_view there =
          IsLong(i) ? Load<const LongMember*>(at)->view() : std::string_view(at, length[i]);
      if (there == member) return i;
      at += Stored(i);
    }
    return key_count_;
  }
  const auto tail = Load<uint64_t>(member.data() + size - 8);
  for (uint32_t i = 0; i < key_count_; at += length[i], ++i) {
    if (length[i] == size && Load<uint64_t>(at + size - 8) == tail &&
        std::memcmp(at, member.data(), size - 8) == 0) {
      return i;
    }
  }
  return key_count_;
}

bool TreeNode::InsertInPlace(uint32_t at, const TreeKey& key) {
  const size_t grown = bytes() + score_width_ + 1 + key.stored_bytes();
  if (UsableSize(grown) != UsableSize(bytes()) || !Fits(key.score)) return false;
  Open(at, key);
  return true;
}

bool TreeNode::EraseInPlace(uint32_t first, uint32_t end) {
  const size_t shrunk = bytes() - (end - first) * (score_width_ + 1u) - StoredBetween(first, end);
  if (UsableSize(shrunk) != UsableSize(bytes())) return false;
  Close(first, end);
  return true;
}

bool TreeNode::MoveInPlace(uint32_t from, uint32_t to, double score) {
  if (!Fits(score)) return false;
  if (from == to) {
    PutScore(from, score);
    return true;
  }
  char member[kShortMemberBytesMax];
  TreeKey moved = key(from);
  moved.score = score;
  moved.member.copy(member, sizeof member);
  moved.member = {member, moved.member.size()};
  Close(from, from + 1);
  Open(to, moved);
  return true;
}

// Everything behind an insertion moves, the last first.
void TreeNode::Open(uint32_t at, const TreeKey& key) {
  const uint32_t width = score_width_;
  const uint32_t count = key_count_;
  const uint32_t offset = Offset(at);
  char* const score = scores();
  const char* const length = score + count * width;
  const char* const member = length + count;
  char* const new_length = score + (count + 1) * width;
  char* const new_member = new_length + count + 1;
  Shift(new_member + offset + key.stored_bytes(), member + offset, member_bytes_ - offset);
  Shift(new_member, member, offset);
  Shift(new_length + at + 1, length + at, count - at);
  Shift(new_length, length, at);
  Shift(score + (at + 1) * width, score + at * width, (count - at) * width);
  PutScore(at, key.score);
  new_length[at] = static_cast<char>(key.stored_length());
  key.CopyTo(new_member + offset);
  ++key_count_;
  member_bytes_ += key.stored_bytes();
  long_count_ += key.outside != nullptr ? 1 : 0;
}

void TreeNode::Close(uint32_t first, uint32_t end) {
  const uint32_t width = score_width_;
  const uint32_t count = key_count_;
  const uint32_t left = count - (end - first);
  const uint32_t offset = Offset(first);
  const uint32_t end_offset = offset + StoredBetween(first, end);
  for (uint32_t i = first; HasLong() && i < end; ++i) long_count_ -= IsLong(i) ? 1 : 0;
  char* const score = scores();
  const char* const length = score + count * width;
  const char* const member = length + count;
  char* const new_length = score + left * width;
  char* const new_member = new_length + left;
  Shift(score + first * width, score + end * width, (count - end) * width);
  Shift(new_length, length, first);
  Shift(new_length + first, length + end, count - end);
  Shift(new_member, member, offset);
  Shift(new_member + offset, member + end_offset, member_bytes_ - end_offset);
  key_count_ = static_cast<uint8_t>(left);
  member_bytes_ -= end_offset - offset;
}

}  // namespace alai
