// An array of 8-byte words in pages of 4 KB, which grows and shrinks at its end without moving more
// than the list of its pages: 16 bytes for every 512 words.
//
//   pages_ ──> | words, generation, capacity | words, ... | ...
//                  │
//                  └─> | word 0 | word 1 | ... | word 511 |
//
// The first page begins small and doubles, so that a small array costs little. A page that was never
// written is not there, and its words read as the fill.
//
// Threads     As for the VersionedBlocks that its memory comes from.
// Invariants  A page's words beyond those written are the fill.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/containers/versioned_blocks.h"

namespace alai {

class PagedWords {
 public:
  static constexpr uint32_t kPageBits = 9;
  static constexpr size_t kPageWords = size_t{1} << kPageBits;

  struct Page {
    uint64_t* words;
    uint32_t generation;
    uint32_t capacity;  // in words
  };

  PagedWords(VersionedBlocks& blocks, uint64_t fill) : blocks_(&blocks), fill_(fill) {}
  PagedWords(const PagedWords&) = delete;
  PagedWords& operator=(const PagedWords&) = delete;
  ~PagedWords();

  // Of a word that has been written.
  uint64_t operator[](size_t at) const { return Word(pages_, at); }
  static uint64_t Word(const Page* pages, size_t at) {
    return pages[at >> kPageBits].words[at & (kPageWords - 1)];
  }
  // Brings a word that has been written closer.
  void Prefetch(size_t at) const {
    __builtin_prefetch(&pages_[at >> kPageBits].words[at & (kPageWords - 1)]);
  }
  // Of any word.
  uint64_t Get(size_t at) const {
    const size_t page = at >> kPageBits;
    if (page >= page_count_ || (at & (kPageWords - 1)) >= pages_[page].capacity) return fill_;
    return Word(pages_, at);
  }
  // Those of the `count` words from `first` on that have memory. They must be of one page.
  std::span<const uint64_t> Run(size_t first, size_t count) const;

  void Set(size_t at, uint64_t word) {
    const size_t page = at >> kPageBits;
    const size_t in_page = at & (kPageWords - 1);
    if (page >= page_count_ || in_page >= pages_[page].capacity) MakeRoom(at);
    pages_[page].words[in_page] = word;
  }
  // Before Set(), in an array that views may show.
  void MakePrivate(size_t at) {
    const size_t page = at >> kPageBits;
    if (page < page_count_ && blocks_->Shared(pages_[page].generation)) CopyPage(page);
  }
  // Gives the pages back that hold only words from `words` on, which must have been set to the fill or
  // not be read before they are set again.
  void Truncate(size_t words);

  const Page* pages() const { return pages_; }
  size_t page_count() const { return page_count_; }

 private:
  static constexpr uint32_t kFirstCapacity = 8;

  void MakeRoom(size_t at);
  void MakePages(size_t count);
  void ReplacePages(size_t capacity);
  void CopyPage(size_t page);
  void ReplacePage(Page* page, uint32_t capacity);
  void RetirePage(const Page& page) {
    if (page.words != nullptr) {
      blocks_->Retire(page.words, page.capacity * sizeof(uint64_t), page.generation);
    }
  }

  VersionedBlocks* blocks_;
  uint64_t fill_;
  Page* pages_ = nullptr;
  size_t page_count_ = 0;
  size_t page_capacity_ = 0;
};

}  // namespace alai
