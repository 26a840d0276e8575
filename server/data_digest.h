// Redis's fingerprint of data: the same for the same keys, values and databases, in whatever order they are
// met and on whatever server, so that a primary can be compared with its replica and with another server.
//
// SHA-1 all over. To *add* bytes to a digest is to take its exclusive or with theirs, which forgets the order;
// to *mix* them in is to do that and replace the digest by its own SHA-1, which remembers it:
//
//   data set     for each database with keys in ascending order: mix its number; for each key: add its digest
//   key          mix the name, go on with the value
//   value        mix the number of its type, then by type; add "!!expire!!" if the key has a deadline
//     string     mix it
//     list       mix each element
//     set        add each member
//     hash       add each pair's digest, into which field and value are mixed
//     sorted set the same of member and score, in 17 digits
//     stream     mix each entry's id, as "<ms>.<seq>", and its names and values in turn
//
// Numbers of databases and types are four bytes, big-endian.
//
// Source      The behaviour of DEBUG DIGEST and DEBUG DIGEST-VALUE in Redis 7.0.
// Threads     Belongs to its caller.
#pragma once

#include <openssl/evp.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/clock.h"
#include "engine/record.h"
#include "engine/types/collection_sink.h"

namespace alai {

class Stream;

// SHA-1 of many short texts.
class Sha1 {
 public:
  using Bytes = std::array<unsigned char, 20>;

  Sha1();
  Sha1(const Sha1&) = delete;
  Sha1& operator=(const Sha1&) = delete;
  ~Sha1();

  Bytes Of(std::string_view text);
  void Add(std::string_view text, Bytes* digest);
  void Mix(std::string_view text, Bytes* digest);

 private:
  EVP_MD* algorithm_;
  EVP_MD_CTX* context_;
};

class DataDigest final : private CollectionSink {
 public:
  // Goes on to another database; databases without keys are left out.
  void AddDatabase(int db);
  // A key of that database with its value; that it has a deadline counts, but not which.
  void AddKey(const Record& record, UnixMillis now);
  // Only the value.
  void AddValue(const Record& record, UnixMillis now);

  // 40 hexadecimal digits; all zeros when nothing was added.
  std::string Hex() const;

 private:
  void MixNumber(uint32_t number, Sha1::Bytes* digest);
  // Into value_.
  void GoOnWithValue(const Record& record, UnixMillis now);
  bool Pair(std::string_view first, std::string_view second);
  void MixStream(const Stream& stream);

  bool Element(const PackedValue& element) override;
  bool Member(const PackedValue& member) override;
  bool Field(const PackedValue& field, const PackedValue& value) override;
  bool Scored(const PackedValue& member, double score) override;

  Sha1 sha1_;
  Sha1::Bytes total_{};
  Sha1::Bytes value_{};
};

}  // namespace alai
