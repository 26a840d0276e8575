#include "engine/containers/word_stack.h"

#include <algorithm>

#include "engine/base/memory.h"

namespace alai {

WordStack::~WordStack() {
  while (FreeLastPage()) {
  }
}

void WordStack::Push(uint64_t word) {
  const uint32_t room = page_count_ <= 1 ? first_page_words_ : page_count_ * kPageWords;
  if (size_ == room) AddRoom();
  const uint32_t i = size_++;
  pages_[i / kPageWords][i % kPageWords] = word;
}

void WordStack::Pop() {
  DASSERT(size_ != 0);
  --size_;
  if (size_ == (page_count_ - 1) * kPageWords) FreeLastPage();
}

bool WordStack::FreeLastPage() {
  if (page_count_ == 0) return false;
  --page_count_;
  Delete(pages_[page_count_], PageBytes(page_count_));
  size_ = std::min(size_, page_count_ * kPageWords);
  if (page_count_ == 0) {
    Delete(pages_, pages_max_ * sizeof(uint64_t*));
    pages_ = nullptr;
    pages_max_ = 0;
    first_page_words_ = 0;
  }
  return true;
}

void WordStack::AddRoom() {
  if (page_count_ == 1 && first_page_words_ < kPageWords) return DoubleFirstPage();
  if (page_count_ == pages_max_) {
    const uint32_t max = std::max(1u, pages_max_ * 2);
    auto** const pages = static_cast<uint64_t**>(New(max * sizeof(uint64_t*)));
    std::copy_n(pages_, page_count_, pages);
    if (pages_ != nullptr) Delete(pages_, pages_max_ * sizeof(uint64_t*));
    pages_ = pages;
    pages_max_ = max;
  }
  if (page_count_ == 0) first_page_words_ = kWordsAtFirst;
  pages_[page_count_] = static_cast<uint64_t*>(New(PageBytes(page_count_)));
  ++page_count_;
}

void WordStack::DoubleFirstPage() {
  const size_t old_bytes = PageBytes(0);
  auto* const page = static_cast<uint64_t*>(New(2 * old_bytes));
  std::copy_n(pages_[0], size_, page);
  Delete(pages_[0], old_bytes);
  pages_[0] = page;
  first_page_words_ *= 2;
}

void* WordStack::New(size_t bytes) {
  allocated_bytes_ += UsableSize(bytes);
  return Allocate(bytes);
}

void WordStack::Delete(void* block, size_t bytes) {
  allocated_bytes_ -= UsableSize(bytes);
  Free(block, bytes);
}

}  // namespace alai
