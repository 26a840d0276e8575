// An array of 64-bit words that grows and shrinks at its end without ever moving more than a page of them.
//
// Pages of 512 words, found through a directory that doubles: it is as small to the words as a word is to a
// page. The first page itself doubles from 8 words on, so that a short array is a small one.
//
// Threads     One at a time.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/base/assert.h"

namespace alai {

class WordStack {
 public:
  WordStack() = default;
  ~WordStack();
  WordStack(const WordStack&) = delete;
  WordStack& operator=(const WordStack&) = delete;

  uint32_t size() const { return size_; }
  uint64_t& operator[](uint32_t i) {
    DASSERT(i < size_);
    return pages_[i / kPageWords][i % kPageWords];
  }
  uint64_t operator[](uint32_t i) const {
    DASSERT(i < size_);
    return pages_[i / kPageWords][i % kPageWords];
  }
  void Prefetch(uint32_t i) const {
    DASSERT(i < size_);
    __builtin_prefetch(&pages_[i / kPageWords][i % kPageWords]);
  }

  void Push(uint64_t word);
  void Pop();
  // Frees the last page and forgets its words; false when there was none.
  bool FreeLastPage();

  size_t allocated_bytes() const { return allocated_bytes_; }

 private:
  static constexpr uint32_t kPageWords = 512;
  static constexpr uint32_t kWordsAtFirst = 8;

  void AddRoom();
  void DoubleFirstPage();
  size_t PageBytes(uint32_t page) const {
    return (page == 0 ? first_page_words_ : kPageWords) * sizeof(uint64_t);
  }
  void* New(size_t bytes);
  void Delete(void* block, size_t bytes);

  uint64_t** pages_ = nullptr;
  uint32_t page_count_ = 0;
  uint32_t pages_max_ = 0;  // that the directory has room for
  uint32_t first_page_words_ = 0;
  uint32_t size_ = 0;
  size_t allocated_bytes_ = 0;
};

}  // namespace alai
