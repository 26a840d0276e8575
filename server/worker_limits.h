// Sizes and times of a worker's loop.
#pragma once

#include <cstddef>
#include <cstdint>

namespace alai {

// What a socket is read for at once, and the memory that reads of one batch share.
constexpr size_t kReadBytes = 16 * 1024;
constexpr size_t kArenaBytes = 128 * 1024;
// Unfinished requests up to this size are completed in the arena; larger ones in a buffer of their
// own, into which more is read at once.
constexpr size_t kArenaTailBytesMax = 32 * 1024;
constexpr size_t kLargeReadBytesMax = 1024 * 1024;
// What one turn sends to one client, so that the others are not kept waiting.
constexpr size_t kSendBytesMax = 1024 * 1024;
constexpr size_t kSendVectorsMax = 64;
// Replies of a long pipeline are sent once so much has come together, or it is at its end.
constexpr size_t kHeldBytesMax = 64 * 1024;
// Unsent replies that no client-output-buffer-limit counts.
constexpr size_t kUnlimitedOutputBytes = 16 * 1024;

// A suspended client is read on until so much has piled up.
constexpr size_t kSuspendedInputBytesMax = 1024 * 1024;

// Before authentication.
constexpr size_t kUnauthenticatedInputBytesMax = 1024 * 1024;
constexpr size_t kUnauthenticatedOutputBytesMax = 1024;

constexpr int64_t kHousekeepingNanos = 25'000'000;
constexpr int64_t kSweepBudgetNanos = 100'000;
// Every client is looked after once in so many housekeepings: about a second.
constexpr size_t kLookAfterSlices = 40;

}  // namespace alai
