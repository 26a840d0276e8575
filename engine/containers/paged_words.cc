#include "engine/containers/paged_words.h"

#include <algorithm>
#include <bit>

namespace alai {

PagedWords::~PagedWords() {
  while (page_count_ != 0) RetirePage(pages_[--page_count_]);
  ReplacePages(0);
}

std::span<const uint64_t> PagedWords::Run(size_t first, size_t count) const {
  const size_t page = first >> kPageBits;
  const size_t in_page = first & (kPageWords - 1);
  DASSERT(in_page + count <= kPageWords);
  if (page >= page_count_ || in_page >= pages_[page].capacity) return {};
  return {pages_[page].words + in_page, std::min<size_t>(count, pages_[page].capacity - in_page)};
}

void PagedWords::MakeRoom(size_t at) {
  const size_t page = at >> kPageBits;
  if (page >= page_count_) MakePages(page + 1);
  const auto in_page = static_cast<uint32_t>(at & (kPageWords - 1));
  const uint32_t capacity =
      page == 0 ? std::max(kFirstCapacity, std::bit_ceil(in_page + 1)) : uint32_t{kPageWords};
  ReplacePage(&pages_[page], capacity);
}

void PagedWords::MakePages(size_t count) {
  if (count > page_capacity_) ReplacePages(std::max(count, 2 * page_capacity_));
  for (; page_count_ < count; ++page_count_) pages_[page_count_] = {nullptr, 0, 0};
}

// The list is copied by who freezes, so it is never shared itself.
void PagedWords::ReplacePages(size_t capacity) {
  Page* pages = nullptr;
  if (capacity != 0) pages = static_cast<Page*>(blocks_->Allocate(capacity * sizeof(Page)));
  if (pages_ != nullptr) {
    std::copy(pages_, pages_ + page_count_, pages);
    blocks_->Free(pages_, page_capacity_ * sizeof(Page));
  }
  pages_ = pages;
  page_capacity_ = capacity;
}

void PagedWords::CopyPage(size_t page) {
  if (pages_[page].words != nullptr) ReplacePage(&pages_[page], pages_[page].capacity);
}

void PagedWords::ReplacePage(Page* page, uint32_t capacity) {
  auto* words = static_cast<uint64_t*>(blocks_->Allocate(capacity * sizeof(uint64_t)));
  const uint32_t kept = std::min(capacity, page->capacity);
  std::copy(page->words, page->words + kept, words);
  std::fill(words + kept, words + capacity, fill_);
  RetirePage(*page);
  *page = {words, blocks_->generation(), capacity};
}

void PagedWords::Truncate(size_t words) {
  const size_t keep = (words + kPageWords - 1) >> kPageBits;
  while (page_count_ > keep) RetirePage(pages_[--page_count_]);
  if (keep == 1 && page_count_ == 1 && pages_[0].capacity > kFirstCapacity &&
      words <= pages_[0].capacity / 4) {
    ReplacePage(&pages_[0], pages_[0].capacity / 2);
  }
  if (page_capacity_ != 0 && page_count_ <= page_capacity_ / 4) ReplacePages(page_capacity_ / 2);
}

}  // namespace alai
