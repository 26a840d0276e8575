// Collections of all types seen alike: what they hold is given to a sink, and a builder makes one of what
// it is given. The place that knows all types, for those who copy values from and to somewhere else.
//
// Threads     As for Db: a record that is read under its shard's lock is visited under it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "engine/base/clock.h"
#include "engine/key_view.h"
#include "engine/packing_limits.h"
#include "engine/record.h"
#include "engine/types/collection_sink.h"

namespace alai {

// How many elements VisitCollection() gives.
size_t CountCollection(const Record& record, UnixMillis now);

// Gives everything in a list, set, sorted set or hash to the sink, but no fields whose time has come. False
// when the sink stopped it.
bool VisitCollection(const Record& record, UnixMillis now, CollectionSink& sink);

// Whether all texts of a value, of any type, have more than so many bytes together, as CollectionBuilder's
// text_bytes() counts them: elements, members, fields and values, but no scores; of a stream the names of its
// groups and consumers, too.
bool HoldsMoreText(const Record& record, UnixMillis now, uint64_t bytes_max);

// Makes a collection of elements that come from outside, in the form that the limits ask for. What comes twice
// is refused, but perhaps only by Finish().
class CollectionBuilder : public CollectionSink {
 public:
  // After the last element. False: there was none, or one came twice.
  virtual bool Finish() = 0;
  // Once, after Finish(). The draft refers to this builder; a container in it belongs to whoever creates the
  // record.
  virtual Record::Draft TakeDraft(KeyView key) = 0;
  // Of all texts that were given, as text.
  virtual uint64_t text_bytes() const = 0;
};

// nullptr for what is no collection. The limits are looked at while it builds.
std::unique_ptr<CollectionBuilder> NewCollectionBuilder(Type type, const PackingLimits& limits);

}  // namespace alai
