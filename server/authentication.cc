#include "server/authentication.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "server/config/config.h"

namespace alai {
namespace {

struct Digest {
  explicit Digest(std::string_view text) {
    SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), bytes);
  }
  unsigned char bytes[SHA256_DIGEST_LENGTH];
};

}  // namespace

bool IsRightPassword(const Config& config, std::string_view user, std::string_view password) {
  if (user != "default") return false;
  const std::string right = config.requirepass.get();
  if (right.empty()) return true;
  // Digests have one length, so that comparing them tells nothing about that of the password.
  const Digest given(password);
  const Digest wanted(right);
  return CRYPTO_memcmp(given.bytes, wanted.bytes, sizeof given.bytes) == 0;
}

std::string Sha256Hex(std::string_view password) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const Digest digest(password);
  std::string hex;
  for (const unsigned char byte : digest.bytes) {
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return hex;
}

}  // namespace alai
