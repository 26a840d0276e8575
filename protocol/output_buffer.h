// Bytes on their way to one connection: written once, in place, and sent with writev.
//
//   pieces_  [chunk 1: 16 KB] [chunk 2, part] [external bytes] | chunk 2, from begin_ to cursor_
//            ^ head_                                           | the open piece
//
// Text goes to the open piece, at the end of the newest chunk. It is closed when its chunk is full
// or external bytes follow; those stay where they are and are released when they have been sent.
// Chunks of the usual size come from a short list that each thread keeps, so a connection with
// nothing to send owns none, and a busy worker writes to memory that is still in its cache.
//
// Threads     One at a time. A buffer may be moved to another thread as a whole, chunks included.
// Invariants  (1) Closed pieces are not empty and stand in the order of writing.
//             (2) A chunk lives as long as a closed piece or the open one lies in it.
//             (3) Bytes that were written never move, but for those behind a gap when it is closed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

struct iovec;

namespace alai {

// Bytes that somebody else keeps in place until `release(owner)` is called, from whichever thread
// sends them. A null `release` is for bytes that live forever.
struct SharedBytes {
  const char* data = nullptr;
  size_t size = 0;
  void* owner = nullptr;
  void (*release)(void* owner) = nullptr;
};

class OutputBuffer {
 public:
  // A place to return to with Rollback(). Pieces are counted from the buffer's first ever.
  struct Mark {
    uint64_t piece;
    size_t offset;
    uint32_t held;
  };
  // Room that was left for a header whose number is not known yet.
  struct Gap {
    uint64_t piece;
    char* at;
  };
  static constexpr size_t kGapBytes = 24;

  OutputBuffer() = default;
  OutputBuffer(OutputBuffer&& other) noexcept { Swap(other); }
  OutputBuffer& operator=(OutputBuffer&& other) noexcept {
    Clear();
    Swap(other);
    return *this;
  }
  ~OutputBuffer() { Clear(); }

  // At least `room` contiguous bytes, of which Advance() takes the first into the buffer. The
  // others may be scribbled on.
  char* Reserve(size_t room) {
    if (static_cast<size_t>(limit_ - cursor_) < room) [[unlikely]]
      Grow(room);
    return cursor_;
  }
  void Advance(size_t size) { cursor_ += size; }

  // Copies any number of bytes.
  void Append(std::string_view bytes) {
    if (static_cast<size_t>(limit_ - cursor_) < bytes.size()) [[unlikely]] {
      AppendAcross(bytes);
    } else if (!bytes.empty()) {
      std::memcpy(cursor_, bytes.data(), bytes.size());
      cursor_ += bytes.size();
    }
  }
  // Refers to bytes instead of copying them. Takes over the reference, whatever happens.
  void AppendShared(const SharedBytes& bytes);
  // Takes over everything that `other` holds and leaves it empty. No gap may be open there.
  void Splice(OutputBuffer&& other);

  // Leaves room for a header. What follows is not sent until the gap has been closed with the text
  // that belongs there, one to kGapBytes long. Gaps nest like brackets.
  Gap OpenGap();
  void CloseGap(const Gap& gap, std::string_view text);

  // Rollback() undoes everything written since the mark, gaps included. A mark does not survive
  // Consume(), nor the end of a gap that was open when it was taken.
  Mark GetMark() const { return {open_piece(), static_cast<size_t>(cursor_ - begin_), held_}; }
  void Rollback(const Mark& mark);

  // While discarding, what is written is thrown away in bounded memory, and costs the writing
  // functions nothing. Size and sending know only what was there before.
  void SetDiscard(bool discard);
  bool discarding() const { return discarding_; }

  // Bytes not sent yet; those behind an open gap count too, though they cannot be sent.
  size_t size() const {
    return discarding_ ? discard_size_ : closed_bytes_ + static_cast<size_t>(cursor_ - begin_);
  }
  bool empty() const { return size() == 0; }
  // Describes the first bytes to be sent with at most `max` vectors; gives the number used.
  size_t FillIovecs(iovec* vectors, size_t max) const;
  // Drops the first `size` bytes, which FillIovecs() has shown: they have been sent.
  void Consume(size_t size);
  // Drops everything.
  void Clear();

  // Bytes allocated by this buffer; external ones are not.
  size_t memory_used() const { return chunk_bytes_ + pieces_.capacity() * sizeof(Piece); }
  // External bytes not sent yet.
  size_t shared_bytes() const { return shared_bytes_; }

 private:
  struct Chunk {
    Chunk* next_free;
    size_t size;  // this header included
    size_t pieces;
    char* bytes() { return reinterpret_cast<char*>(this + 1); }
    char* end() { return reinterpret_cast<char*>(this) + size; }
  };
  struct Piece {
    const char* begin;
    size_t size;
    Chunk* chunk;  // where the bytes are; nullptr for external ones
    void* owner;
    void (*release)(void* owner);
  };
  class FreeChunks;

  uint64_t open_piece() const { return first_piece_ + (pieces_.size() - head_); }

  void Swap(OutputBuffer& other) noexcept;
  void Grow(size_t room);
  void AppendAcross(std::string_view bytes);
  void OpenChunk(size_t room);
  void CloseChunk();
  void ClosePiece();
  void AddPiece(const char* begin, size_t size, Chunk* chunk);
  void ReleasePiece(const Piece& piece);
  void ReleaseChunk(Chunk* chunk);
  void DropFirstPiece();
  void CutBack(const Mark& mark);
  void Reopen(const Piece& piece, size_t size);
  const char* PieceBegin(uint64_t number) const;

  char* cursor_ = nullptr;  // where the next byte goes
  char* limit_ = nullptr;   // end of the newest chunk
  char* begin_ = nullptr;   // start of the open piece
  Chunk* chunk_ = nullptr;  // the newest chunk
  std::vector<Piece> pieces_;
  size_t head_ = 0;           // index of the first piece that has not been sent
  uint64_t first_piece_ = 0;  // its number
  size_t closed_bytes_ = 0;
  size_t chunk_bytes_ = 0;
  size_t shared_bytes_ = 0;
  uint32_t held_ = 0;  // gaps that are open
  bool discarding_ = false;
  Gap hold_{};      // the outermost open gap
  Mark discard_{};  // where discarding started, and
  size_t discard_size_ = 0;
};

}  // namespace alai
