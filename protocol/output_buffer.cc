#include "protocol/output_buffer.h"

#include <sys/uio.h>

#include <algorithm>
#include <utility>

#include "engine/base/assert.h"
#include "engine/base/memory.h"

namespace alai {

namespace {

// The usual chunk, its header included: one size class of the allocator.
constexpr size_t kChunkBytes = 16 * 1024;
// A buffer that holds this much belongs to a slow reader or to a huge reply: it goes on in larger
// chunks, because fewer pieces mean fewer system calls.
constexpr size_t kLargeBufferBytes = 256 * 1024;
constexpr size_t kLargeChunkBytes = 128 * 1024;
// Unusual sizes are rounded up to this.
constexpr size_t kChunkStepBytes = 4096;
// Usual chunks that a thread keeps for its next replies.
constexpr size_t kFreeChunksMax = 8;
// Room for pieces that a drained buffer keeps.
constexpr size_t kIdlePiecesMax = 16;
// Sent pieces at the front of the table before it is compacted.
constexpr size_t kSentPiecesMax = 1024;
// Room behind a long string, so that its line end needs no chunk of its own.
constexpr size_t kTailBytes = 64;
// Up to this size, what follows a gap is moved to close it; otherwise the piece is cut in two
// there.
constexpr size_t kMoveBytesMax = 4096;

}  // namespace

// The usual chunks that a thread has no use for at the moment. The list itself is never destroyed, so a
// buffer that dies after the thread's other objects still finds it, closed.
class OutputBuffer::FreeChunks {
 public:
  constexpr FreeChunks() = default;

  Chunk* Take() {
    Chunk* chunk = first_;
    if (chunk != nullptr) {
      first_ = chunk->next_free;
      --count_;
    }
    return chunk;
  }
  bool Put(Chunk* chunk) {
    if (count_ >= kFreeChunksMax) return false;
    chunk->next_free = first_;
    first_ = chunk;
    ++count_;
    return true;
  }

  static FreeChunks& OfThread() {
    static thread_local constinit FreeChunks chunks;
    static thread_local const AtThreadEnd closer(chunks);
    return chunks;
  }

 private:
  class AtThreadEnd {
   public:
    explicit AtThreadEnd(FreeChunks& chunks) : chunks_(chunks) {}
    ~AtThreadEnd() { chunks_.Close(); }

   private:
    FreeChunks& chunks_;
  };

  void Close() {
    while (Chunk* chunk = Take()) Free(chunk, kChunkBytes);
    count_ = kFreeChunksMax;
  }

  Chunk* first_ = nullptr;
  size_t count_ = 0;
};

void OutputBuffer::Swap(OutputBuffer& other) noexcept {
  std::swap(cursor_, other.cursor_);
  std::swap(limit_, other.limit_);
  std::swap(begin_, other.begin_);
  std::swap(chunk_, other.chunk_);
  pieces_.swap(other.pieces_);
  std::swap(head_, other.head_);
  std::swap(first_piece_, other.first_piece_);
  std::swap(closed_bytes_, other.closed_bytes_);
  std::swap(chunk_bytes_, other.chunk_bytes_);
  std::swap(shared_bytes_, other.shared_bytes_);
  std::swap(held_, other.held_);
  std::swap(discarding_, other.discarding_);
  std::swap(hold_, other.hold_);
  std::swap(discard_, other.discard_);
  std::swap(discard_size_, other.discard_size_);
}

void OutputBuffer::OpenChunk(size_t room) {
  ClosePiece();
  CloseChunk();
  size_t bytes = kChunkBytes;
  if (room + sizeof(Chunk) > kChunkBytes || closed_bytes_ >= kLargeBufferBytes) {
    bytes = (room + sizeof(Chunk) + kChunkStepBytes - 1) / kChunkStepBytes * kChunkStepBytes;
    if (closed_bytes_ >= kLargeBufferBytes) bytes = std::max(bytes, kLargeChunkBytes);
  }
  chunk_ = bytes == kChunkBytes ? FreeChunks::OfThread().Take() : nullptr;
  if (chunk_ == nullptr) chunk_ = static_cast<Chunk*>(Allocate(bytes));
  chunk_->size = bytes;
  chunk_->pieces = 1;
  chunk_bytes_ += bytes;
  begin_ = cursor_ = chunk_->bytes();
  limit_ = chunk_->end();
}

// Lets go of the newest chunk, whose open piece is empty.
void OutputBuffer::CloseChunk() {
  DASSERT(begin_ == cursor_);
  if (chunk_ == nullptr) return;
  ReleaseChunk(chunk_);
  chunk_ = nullptr;
  begin_ = cursor_ = limit_ = nullptr;
}

void OutputBuffer::ReleaseChunk(Chunk* chunk) {
  if (--chunk->pieces > 0) return;
  chunk_bytes_ -= chunk->size;
  if (chunk->size != kChunkBytes || !FreeChunks::OfThread().Put(chunk)) Free(chunk, chunk->size);
}

// Moves what the open piece holds to the closed ones; it goes on, empty, in the same chunk.
void OutputBuffer::ClosePiece() {
  if (begin_ == cursor_) return;
  AddPiece(begin_, static_cast<size_t>(cursor_ - begin_), chunk_);
  begin_ = cursor_;
}

void OutputBuffer::AddPiece(const char* begin, size_t size, Chunk* chunk) {
  pieces_.push_back({begin, size, chunk, nullptr, nullptr});
  ++chunk->pieces;
  closed_bytes_ += size;
}

// Gives back what an entry that leaves the table stands for.
void OutputBuffer::ReleasePiece(const Piece& piece) {
  closed_bytes_ -= piece.size;
  if (piece.chunk != nullptr) {
    ReleaseChunk(piece.chunk);
  } else {
    shared_bytes_ -= piece.size;
    if (piece.release != nullptr) piece.release(piece.owner);
  }
}

void OutputBuffer::Grow(size_t room) {
  if (discarding_) {
    CutBack(discard_);
    if (static_cast<size_t>(limit_ - cursor_) >= room) return;
  }
  OpenChunk(room);
}

void OutputBuffer::AppendAcross(std::string_view bytes) {
  if (discarding_) return;
  const size_t room = static_cast<size_t>(limit_ - cursor_);
  if (room > 0) {
    std::memcpy(cursor_, bytes.data(), room);
    cursor_ += room;
    bytes.remove_prefix(room);
  }
  OpenChunk(bytes.size() + kTailBytes);
  std::memcpy(cursor_, bytes.data(), bytes.size());
  cursor_ += bytes.size();
}

void OutputBuffer::AppendShared(const SharedBytes& bytes) {
  if (discarding_ || bytes.size == 0) {
    if (bytes.release != nullptr) bytes.release(bytes.owner);
    return;
  }
  ClosePiece();
  pieces_.push_back({bytes.data, bytes.size, nullptr, bytes.owner, bytes.release});
  closed_bytes_ += bytes.size;
  shared_bytes_ += bytes.size;
}

void OutputBuffer::Splice(OutputBuffer&& other) {
  DASSERT(&other != this && other.held_ == 0);
  other.SetDiscard(false);
  if (discarding_) {
    other.Clear();
    return;
  }
  ClosePiece();
  other.ClosePiece();
  other.CloseChunk();
  pieces_.insert(pieces_.end(), other.pieces_.begin() + static_cast<ptrdiff_t>(other.head_),
                 other.pieces_.end());
  closed_bytes_ += std::exchange(other.closed_bytes_, 0);
  chunk_bytes_ += std::exchange(other.chunk_bytes_, 0);
  shared_bytes_ += std::exchange(other.shared_bytes_, 0);
  other.pieces_.clear();
  other.Clear();
}

OutputBuffer::Gap OutputBuffer::OpenGap() {
  if (discarding_) return {0, nullptr};
  char* const at = Reserve(kGapBytes);
  const Gap gap = {open_piece(), at};
  if (held_++ == 0) hold_ = gap;
  Advance(kGapBytes);
  return gap;
}

void OutputBuffer::CloseGap(const Gap& gap, std::string_view text) {
  DASSERT(!text.empty() && text.size() <= kGapBytes);
  if (gap.at == nullptr) return;
  DASSERT(held_ > 0 && gap.piece >= first_piece_);
  --held_;
  char* const content = gap.at + kGapBytes;
  char* const start = content - text.size();
  if (gap.piece == open_piece()) {
    if (cursor_ - content <= static_cast<ptrdiff_t>(kMoveBytesMax)) {
      std::memcpy(gap.at, text.data(), text.size());
      std::memmove(gap.at + text.size(), content, static_cast<size_t>(cursor_ - content));
      cursor_ -= kGapBytes - text.size();
      return;
    }
    const size_t before = static_cast<size_t>(gap.at - begin_);
    if (before > 0) AddPiece(begin_, before, chunk_);
    begin_ = start;
  } else {
    const size_t index = head_ + static_cast<size_t>(gap.piece - first_piece_);
    Piece& piece = pieces_[index];
    const Piece first = {piece.begin, static_cast<size_t>(gap.at - piece.begin), piece.chunk,
                         nullptr, nullptr};
    piece.size -= static_cast<size_t>(start - piece.begin);
    piece.begin = start;
    closed_bytes_ -= kGapBytes - text.size();
    if (first.size > 0) {
      pieces_.insert(pieces_.begin() + static_cast<ptrdiff_t>(index), first);
      ++first.chunk->pieces;
    }
  }
  std::memcpy(start, text.data(), text.size());
}

void OutputBuffer::Rollback(const Mark& mark) { CutBack(discarding_ ? discard_ : mark); }

void OutputBuffer::CutBack(const Mark& mark) {
  DASSERT(mark.piece >= first_piece_ && mark.piece <= open_piece());
  held_ = mark.held;
  if (mark.piece == open_piece()) {
    cursor_ = begin_ + mark.offset;
  } else {
    const size_t kept = head_ + static_cast<size_t>(mark.piece - first_piece_);
    cursor_ = begin_;
    // The piece that was open at the mark became the first entry since, unless it was empty.
    if (mark.offset > 0) Reopen(pieces_[kept], mark.offset);
    while (pieces_.size() > kept) {
      const Piece piece = pieces_.back();
      pieces_.pop_back();
      ReleasePiece(piece);
    }
  }
  if (begin_ == cursor_ && pieces_.empty()) CloseChunk();
}

// Makes a closed piece, cut to `size` bytes, the open one again.
void OutputBuffer::Reopen(const Piece& piece, size_t size) {
  CloseChunk();
  chunk_ = piece.chunk;
  ++chunk_->pieces;
  begin_ = chunk_->bytes() + (piece.begin - chunk_->bytes());
  cursor_ = begin_ + size;
  limit_ = chunk_->end();
}

void OutputBuffer::SetDiscard(bool discard) {
  if (discard == discarding_) return;
  if (discard) {
    discard_size_ = size();
    discard_ = GetMark();
  } else {
    CutBack(discard_);
  }
  discarding_ = discard;
}

size_t OutputBuffer::FillIovecs(iovec* vectors, size_t max) const {
  if (pieces_.empty() && held_ == 0 && !discarding_) {  // the usual case: one chunk of text
    if (begin_ == cursor_ || max == 0) return 0;
    vectors[0] = {begin_, static_cast<size_t>(cursor_ - begin_)};
    return 1;
  }
  // The first piece that is not sent as a whole, and how much of it is.
  uint64_t last = open_piece();
  const char* last_end = cursor_;
  if (discarding_) {
    last = discard_.piece;
    last_end = PieceBegin(last) + discard_.offset;
  }
  if (held_ > 0) {  // opened before discarding began
    last = hold_.piece;
    last_end = hold_.at;
  }
  const size_t whole = static_cast<size_t>(last - first_piece_);
  size_t used = 0;
  for (; used < whole && used < max; ++used) {
    const Piece& piece = pieces_[head_ + used];
    vectors[used] = {const_cast<char*>(piece.begin), piece.size};
  }
  const char* last_begin = PieceBegin(last);
  if (used < max && last_begin != last_end) {
    vectors[used++] = {const_cast<char*>(last_begin), static_cast<size_t>(last_end - last_begin)};
  }
  return used;
}

const char* OutputBuffer::PieceBegin(uint64_t number) const {
  return number == open_piece() ? begin_
                                : pieces_[head_ + static_cast<size_t>(number - first_piece_)].begin;
}

void OutputBuffer::DropFirstPiece() {
  const Piece piece = pieces_[head_];
  ++head_;
  ++first_piece_;
  if (head_ == pieces_.size()) {
    pieces_.clear();
    head_ = 0;
    if (pieces_.capacity() > kIdlePiecesMax) std::vector<Piece>().swap(pieces_);
  } else if (head_ >= kSentPiecesMax && head_ * 2 >= pieces_.size()) {
    pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<ptrdiff_t>(head_));
    head_ = 0;
  }
  ReleasePiece(piece);
}

void OutputBuffer::Consume(size_t size) {
  if (discarding_) CutBack(discard_);
  DASSERT(size <= closed_bytes_ + static_cast<size_t>(cursor_ - begin_));
  if (discarding_) discard_size_ -= size;
  while (size > 0 && head_ < pieces_.size()) {
    Piece& piece = pieces_[head_];
    if (size < piece.size) {
      piece.begin += size;
      piece.size -= size;
      closed_bytes_ -= size;
      if (piece.chunk == nullptr) shared_bytes_ -= size;
      size = 0;
    } else {
      size -= piece.size;
      DropFirstPiece();
    }
  }
  begin_ += size;
  if (begin_ == cursor_ && pieces_.empty()) CloseChunk();
  if (discarding_) discard_ = GetMark();
}

void OutputBuffer::Clear() {
  while (head_ < pieces_.size()) DropFirstPiece();
  std::vector<Piece>().swap(pieces_);
  head_ = 0;
  cursor_ = begin_;
  CloseChunk();
  held_ = 0;
  discard_size_ = 0;
  if (discarding_) discard_ = GetMark();
}

}  // namespace alai
