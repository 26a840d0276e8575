// Keyed hash of a key's bytes: XXH3 with a 192-byte secret that is random per process.
//
// Why         A seed alone leaves XXH3's multiplications known; the whole secret being unknown keeps
//             a client from choosing keys that collide.
// Threads     SetHashSecret() before the first key is hashed, then Hash() from any thread.
#pragma once

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstdint>
#include <string_view>

namespace alai {

constexpr size_t kHashSecretBytes = 192;

extern unsigned char hash_secret[kHashSecretBytes];

// Fills the secret from the operating system's random source.
void SeedHashRandomly();

// Derives the secret from a text: the same text gives the same hashes in every run.
void SeedHash(std::string_view text);

inline uint64_t Hash(std::string_view bytes) {
  return XXH3_64bits_withSecret(bytes.data(), bytes.size(), hash_secret, kHashSecretBytes);
}

}  // namespace alai
