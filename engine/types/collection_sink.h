// Whoever takes what a collection holds, one element after the other: a digest, a writer of payloads, a
// builder of another collection. One of the calls comes again and again, by the collection's type.
//
// Threads     As the derived class says.
// Invariants  Texts are only valid during the call, and may spell integers.
#pragma once

#include "engine/base/clock.h"
#include "engine/containers/packed_entry.h"

namespace alai {

class CollectionSink {
 public:
  virtual ~CollectionSink() = default;

  // False: cannot be taken, and whoever gives the elements stops. Sinks that build something answer so for a
  // member or field that came before, and everybody for a kind that is not theirs.
  virtual bool Element(const PackedValue& element) { return false; }  // of a list, in order
  virtual bool Member(const PackedValue& member) { return false; }    // of a set
  virtual bool Field(const PackedValue& field, const PackedValue& value) { return false; }
  // A field that has a deadline. To some it is a field like any other.
  virtual bool FieldUntil(const PackedValue& field, const PackedValue& value, UnixMillis deadline) {
    return Field(field, value);
  }
  virtual bool Scored(const PackedValue& member, double score) { return false; }
};

}  // namespace alai
