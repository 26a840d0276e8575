#include "engine/base/hash.h"

#include <sys/random.h>

#include <cstring>

#include "engine/base/assert.h"

namespace alai {

alignas(64) unsigned char hash_secret[kHashSecretBytes];

void SeedHashRandomly() {
  size_t have = 0;
  while (have < kHashSecretBytes) {
    const ssize_t n = getrandom(hash_secret + have, kHashSecretBytes - have, 0);
    ASSERT(n > 0);
    have += static_cast<size_t>(n);
  }
}

void SeedHash(std::string_view text) {
  XXH3_generateSecret(hash_secret, kHashSecretBytes, text.data(), text.size());
}

}  // namespace alai
