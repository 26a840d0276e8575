// A stream and its groups that change while another thread reads a view of them.
#include <string>
#include <thread>

#include "engine/containers/stream.h"
#include "tests/catch.h"
#include "tests/engine/stream_fixture.h"

namespace alai {
namespace {

TEST_CASE("a view is read by another thread while the stream changes") {
  Stream stream;
  Entries expected;
  for (uint64_t i = 1; i <= 3'000; ++i) {
    AppendPairs(stream, {i, 0}, {{"a", std::to_string(i)}});
    expected.push_back({{i, 0}, {{"a", std::to_string(i)}}});
  }
  ConsumerGroup* group = stream.AddGroup("g", {}, 0);
  Consumer* consumer = group->AddConsumer("c", 1);
  for (uint64_t i = 1; i <= 3'000; ++i) stream.Deliver(*group, {i, 0}, consumer, 1);
  StreamView view = stream.Freeze();
  Entries seen;
  uint64_t pending_sum = 0;
  std::thread reader([&] {
    for (int round = 0; round < 3; ++round) {
      seen = EntriesOf(view.Range(StreamId::Min(), StreamId::Max()));
      IdTree<PendingEntry>::Cursor cursor(view.groups[0].pending);
      for (bool more = cursor.SeekAtOrAfter(StreamId::Min()); more; more = cursor.Next()) {
        pending_sum += cursor.id().ms * cursor.value().deliveries;
      }
    }
  });
  for (uint64_t i = 1; i <= 3'000; ++i) {
    AppendPairs(stream, {3'000 + i, 0}, {{"b", "c"}});
    if (i % 3 != 0) stream.Delete({i, 0});
    if (i % 2 == 0) group->Acknowledge({i, 0});
    group->CountDelivery({i, 0}, 2);
  }
  group->RemoveConsumer(consumer);
  stream.RemoveGroup(group);
  stream.Trim({.length_max = 10});
  reader.join();
  CHECK(seen == expected);
  CHECK(pending_sum == 3 * (3'000 * 3'001 / 2));
  stream.Release(view);
}

}  // namespace
}  // namespace alai
