// ALAI_TSAN is 1 in builds with ThreadSanitizer, whose model does not cover vector loads of atomics and
// words that are shared by an atomic and immutable bytes.
#pragma once

#if defined(__SANITIZE_THREAD__)
#define ALAI_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ALAI_TSAN 1
#endif
#endif

#ifndef ALAI_TSAN
#define ALAI_TSAN 0
#endif
