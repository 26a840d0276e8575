// Streams in payloads: random ones there and back, both directions against a stock server, and what is no
// stream refused.
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "engine/base/random.h"
#include "engine/containers/listpack.h"
#include "storage/byte_order.h"
#include "storage/stream_reader.h"
#include "storage/stream_writer.h"
#include "tests/catch.h"
#include "tests/engine/stream_fixture.h"
#include "tests/storage/payload_record.h"
#include "tests/storage/stock_server.h"

namespace alai {
namespace {

using namespace std::string_literals;

constexpr UnixMillis kNow = 1'700'000'000'000;
constexpr size_t kFooterBytes = 10;

std::string ValueOf(const Stream& stream, bool compress = false) {
  std::string value;
  RdbWriter writer(&value, compress);
  WriteStream(writer, stream);
  return value;
}

// nullptr when it is refused.
std::unique_ptr<Stream> Read(std::string_view value, RdbType type = RdbType::kStream2) {
  RdbReader reader(value, uint64_t{1} << 29);
  auto stream = std::make_unique<Stream>();
  uint64_t text_bytes = 0;
  if (!ReadStream(reader, type, stream.get(), &text_bytes)) return nullptr;
  CHECK(reader.rest().empty());
  return stream;
}

using PendingFigures = std::tuple<StreamId, UnixMillis, uint64_t, std::string>;

std::vector<PendingFigures> PendingOf(const ConsumerGroup& group, const Consumer* consumer) {
  std::vector<PendingFigures> all;
  PendingRange range(group, consumer, StreamId::Min(), StreamId::Max());
  while (range.Next()) {
    all.emplace_back(range.id(), range.entry().delivered_at, range.entry().deliveries,
                     range.entry().consumer->name());
  }
  return all;
}

void CheckSame(const Stream& a, const Stream& b) {
  CHECK(a.length() == b.length());
  CHECK(a.first_id() == b.first_id());
  CHECK(a.last_id() == b.last_id());
  CHECK(a.max_deleted_id() == b.max_deleted_id());
  CHECK(a.entries_added() == b.entries_added());
  CHECK(a.block_count() == b.block_count());
  CHECK(EntriesOf(a.Range(StreamId::Min(), StreamId::Max())) ==
        EntriesOf(b.Range(StreamId::Min(), StreamId::Max())));
  REQUIRE(a.groups().size() == b.groups().size());
  auto other = b.groups().begin();
  for (const ConsumerGroup* group : a.groups()) {
    const ConsumerGroup& same = **other++;
    CHECK(group->name() == same.name());
    CHECK(group->last_id() == same.last_id());
    CHECK(group->entries_read() == same.entries_read());
    CHECK(PendingOf(*group, nullptr) == PendingOf(same, nullptr));
    REQUIRE(group->consumers().size() == same.consumers().size());
    auto other_consumer = same.consumers().begin();
    for (const Consumer* consumer : group->consumers()) {
      const Consumer* same_consumer = *other_consumer++;
      CHECK(consumer->name() == same_consumer->name());
      CHECK(consumer->seen_at() == same_consumer->seen_at());
      CHECK(PendingOf(*group, consumer) == PendingOf(same, same_consumer));
    }
  }
}

Pairs RandomPairs(Random& random) {
  Pairs pairs;
  const uint64_t shape = random.Below(4);
  for (uint64_t i = 0; i <= shape; ++i) {
    const std::string value = random.OneIn(2)
                                  ? std::to_string(static_cast<int64_t>(random.Next()))
                                  : std::string(random.Below(random.OneIn(20) ? 6000 : 30), 'v');
    pairs.emplace_back(random.OneIn(10) ? std::to_string(i) : "field" + std::to_string(i), value);
  }
  return pairs;
}

void AddRandomGroup(Stream& stream, const std::string& name, Random& random) {
  ConsumerGroup* group = stream.AddGroup(name, {}, 0);
  std::vector<Consumer*> consumers;
  for (uint64_t i = 0; i <= random.Below(4); ++i) {
    consumers.push_back(group->AddConsumer("c" + std::to_string(i), kNow - 5));
  }
  const uint64_t rate = 1 + random.Below(3);
  StreamRange range = stream.Range(StreamId::Min(), StreamId::Max());
  while (range.Next()) {
    if (random.OneIn(50)) break;
    Consumer* consumer = random.OneIn(4) ? nullptr : consumers[random.Below(consumers.size())];
    stream.Deliver(*group, range.id(), consumer, kNow + static_cast<UnixMillis>(random.Below(9)));
    if (random.OneIn(rate)) group->Acknowledge(range.id());
  }
}

void FillRandomly(Stream& stream, Random& random) {
  StreamId id = {random.Below(3), 0};
  const StreamLimits limits = {.block_bytes_max = random.OneIn(3) ? 0u : 4096u,
                               .block_entries_max = random.OneIn(2) ? 10u : 100u};
  for (uint64_t i = random.Below(300); i > 0; --i) {
    id = random.OneIn(3) ? StreamId{id.ms, id.seq + 1 + random.Below(3)}
                         : StreamId{id.ms + 1 + random.Below(300), random.Next() >> 8};
    AppendPairs(stream, id, RandomPairs(random), limits);
  }
  for (const auto& [entry_id, pairs] : EntriesOf(stream.Range(StreamId::Min(), StreamId::Max()))) {
    if (random.OneIn(4)) stream.Delete(entry_id);
  }
  if (random.OneIn(3)) stream.Trim({.length_max = random.Below(100)});
  stream.SetFigures({stream.last_id().ms, stream.last_id().seq + random.Below(2)},
                    stream.entries_added() + random.Below(3), stream.max_deleted_id());
  for (uint64_t i = random.Below(3); i > 0; --i) {
    AddRandomGroup(stream, "group" + std::to_string(i), random);
  }
}

TEST_CASE("random streams come back as they were") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  for (int round = 0; round < 60; ++round) {
    Stream stream;
    FillRandomly(stream, random);
    const bool compress = random.OneIn(2);
    const std::string value = ValueOf(stream, compress);
    const auto again = Read(value);
    REQUIRE(again != nullptr);
    CheckSame(stream, *again);
  }
}

TEST_CASE("what is written can be taken away part by part") {
  Random random(RandomSeed());
  Stream stream;
  FillRandomly(stream, random);
  std::string part;
  std::string all;
  RdbWriter writer(&part, true);
  WriteStream(writer, stream, [&] {
    all += part;
    part.clear();
  });
  CHECK(all + part == ValueOf(stream, true));
}

TEST_CASE("an entry longer than a block and a node longer than one come back") {
  Stream stream;
  AppendPairs(stream, {1, 1}, {{std::string(100'000, 'f'), std::string(50'000, 'v')}});
  AppendPairs(stream, {UINT64_MAX, 0}, {{"", ""}});
  const auto again = Read(ValueOf(stream, true));
  REQUIRE(again != nullptr);
  CheckSame(stream, *again);
}

// A value put together word by word, for what no server would write. An entry is 1-1 {f: v} by default.
struct Forgery {
  struct Entry {
    std::vector<PackedValue> words;
  };
  using Words = std::vector<PackedValue>;

  static PackedValue Number(int64_t number) { return PackedValue::Of(number); }
  static PackedValue Text(std::string_view text) { return {false, 0, text}; }

  Words words = {Number(1), Number(0), Number(1), Text("f"), Number(0),
                 Number(2), Number(0), Number(0), Text("v"), Number(4)};
  int nodes = 1;
  std::string key = IdText({1, 1});
  std::string second_key = IdText({2, 2});
  uint64_t length = 1;
  StreamId last_id = {1, 1};
  StreamId first_id = {1, 1};
  uint64_t added = 1;
  uint64_t groups = 1;
  std::vector<std::string> names = {"g"};
  uint64_t read = 1;
  uint64_t pending_count = 1;
  std::vector<StreamId> pending = {{1, 1}};
  int64_t delivered_at = kNow;
  std::vector<std::string> consumers = {"c"};
  std::vector<StreamId> owned = {{1, 1}};
  int64_t seen_at = kNow;
  int64_t active_at = kNow;

  static std::string IdText(StreamId id) {
    std::string text;
    for (const uint64_t word : {id.ms, id.seq}) {
      for (int shift = 56; shift >= 0; shift -= 8) text += static_cast<char>(word >> shift);
    }
    return text;
  }

  std::string Value(RdbType type = RdbType::kStream2) const {
    std::string value;
    RdbWriter writer(&value, false);
    ListpackBuffer listpack;
    for (const PackedValue& word : words) listpack.Append(word);
    writer.Length(static_cast<uint64_t>(nodes));
    for (int i = 0; i < nodes; ++i) {
      writer.String(RdbString::Of(i == 0 ? key : second_key));
      writer.String(RdbString::Of(listpack.get().view()));
    }
    const auto put_id = [&](StreamId id) {
      writer.Length(id.ms);
      writer.Length(id.seq);
    };
    const auto put_time = [&](int64_t time) {
      std::string bytes;
      AppendLittleEndian(static_cast<uint64_t>(time), 8, &bytes);
      writer.Bytes(bytes);
    };
    writer.Length(length);
    put_id(last_id);
    if (type != RdbType::kStream) {
      put_id(first_id);
      put_id({});
      writer.Length(added);
    }
    writer.Length(groups);
    for (const std::string& name : names) {
      writer.String(RdbString::Of(name));
      put_id({1, 1});
      if (type != RdbType::kStream) writer.Length(read);
      writer.Length(pending_count);
      for (const StreamId id : pending) {
        writer.Bytes(IdText(id));
        put_time(delivered_at);
        writer.Length(3);
      }
      writer.Length(consumers.size());
      for (const std::string& consumer : consumers) {
        writer.String(RdbString::Of(consumer));
        put_time(seen_at);
        if (type == RdbType::kStream3) put_time(active_at);
        writer.Length(owned.size());
        for (const StreamId id : owned) writer.Bytes(IdText(id));
      }
    }
    return value;
  }
  bool Accepted() const { return Read(Value()) != nullptr; }
};

TEST_CASE("streams of Redis 5.0 and 7.2 are read") {
  Forgery forgery;
  forgery.active_at = kNow - 7;
  const auto newest = Read(forgery.Value(RdbType::kStream3), RdbType::kStream3);
  REQUIRE(newest != nullptr);
  const Consumer* consumer = newest->FindGroup("g")->FindConsumer("c");
  CHECK(consumer->seen_at() == kNow);
  CHECK(consumer->active_at() == kNow - 7);
  forgery.active_at = Consumer::kNever;
  CHECK(Read(forgery.Value(RdbType::kStream3), RdbType::kStream3) != nullptr);

  const auto oldest = Read(forgery.Value(RdbType::kStream), RdbType::kStream);
  REQUIRE(oldest != nullptr);
  CHECK(oldest->entries_added() == 1);
  CHECK(oldest->max_deleted_id().IsZero());
  CHECK(oldest->FindGroup("g")->entries_read() == 1);
  CHECK(oldest->FindGroup("g")->FindConsumer("c")->active_at() == kNow);

  const auto unchanged = Read(forgery.Value());
  REQUIRE(unchanged != nullptr);
  CHECK(EntriesOf(unchanged->Range(StreamId::Min(), StreamId::Max())) ==
        Entries{{{1, 1}, {{"f", "v"}}}});
  CHECK(ValueOf(*unchanged) == forgery.Value());
}

TEST_CASE("a node of deleted entries alone leaves nothing") {
  Forgery forgery;
  forgery.words[0] = Forgery::Number(0);
  forgery.words[1] = Forgery::Number(2);
  forgery.words[5] = Forgery::Number(3);
  for (size_t i = 5; i < 10; ++i) forgery.words.push_back(forgery.words[i]);
  forgery.words[12] = Forgery::Number(5);
  forgery.length = 0;
  forgery.added = 2;
  forgery.last_id = {1, 6};
  forgery.first_id = StreamId::Max();
  const auto stream = Read(forgery.Value());
  REQUIRE(stream != nullptr);
  CHECK(stream->length() == 0);
  CHECK(stream->block_count() == 0);
  CHECK(stream->first_id().IsZero());
  CHECK(stream->last_id() == StreamId{1, 6});
  CHECK(Read(ValueOf(*stream)) != nullptr);
}

// The first live entry is sought anew whenever it is deleted: the order of deletions decides for how long.
TEST_CASE("large nodes whose first entries are deleted are read in reasonable time") {
  Forgery forgery;
  const int count = 60'000;
  const std::vector<PackedValue> entry(forgery.words.begin() + 5, forgery.words.end());
  forgery.words[0] = Forgery::Number(1);
  forgery.words[1] = Forgery::Number(count - 1);
  forgery.words[5] = Forgery::Number(3);
  for (int i = 1; i < count; ++i) {
    forgery.words.insert(forgery.words.end(), entry.begin(), entry.end());
    forgery.words[forgery.words.size() - 5] = Forgery::Number(i + 1 == count ? 2 : 3);
    forgery.words[forgery.words.size() - 3] = Forgery::Number(i);
  }
  forgery.added = count;
  forgery.first_id = forgery.last_id = {1, count};
  const auto stream = Read(forgery.Value());
  REQUIRE(stream != nullptr);
  CHECK(stream->length() == 1);
  CHECK(stream->block_count() == 1);
}

TEST_CASE("ids that do not ascend are refused") {
  Forgery forgery;
  REQUIRE(forgery.Accepted());
  SECTION("zero") {
    forgery.key = Forgery::IdText({0, 0});
    forgery.first_id = {0, 0};
  }
  SECTION("below the node's") { forgery.words[6] = Forgery::Number(-1); }
  SECTION("the same twice in a node") {
    forgery.words[0] = Forgery::Number(2);
    for (size_t i = 5; i < 10; ++i) forgery.words.push_back(forgery.words[i]);
    forgery.length = forgery.added = 2;
  }
  SECTION("the same node twice") {
    forgery.nodes = 2;
    forgery.second_key = forgery.key;
    forgery.length = forgery.added = 2;
  }
  SECTION("beyond the last id") { forgery.last_id = {1, 0}; }
  SECTION("another first id") { forgery.first_id = {1, 0}; }
  CHECK(!forgery.Accepted());
}

TEST_CASE("nodes whose words lie are refused") {
  Forgery forgery;
  const auto set = [&](size_t word, int64_t number) {
    forgery.words[word] = Forgery::Number(number);
  };
  SECTION("live") { set(0, 2); }
  SECTION("no entries") { set(0, 0); }
  SECTION("negative") { set(0, -1); }
  SECTION("huge") { set(0, INT64_MAX); }
  SECTION("deleted") { set(1, 1); }
  SECTION("deleted huge") { set(1, INT64_MAX); }
  SECTION("deleted for live") {
    set(0, 0);
    set(1, 1);
  }
  SECTION("live for deleted") { set(5, 3); }
  SECTION("no names") {
    forgery.words = {Forgery::Number(1), Forgery::Number(0), Forgery::Number(0),
                     Forgery::Number(0), Forgery::Number(2), Forgery::Number(0),
                     Forgery::Number(0), Forgery::Number(3)};
  }
  SECTION("more names") { set(2, 2); }
  SECTION("names huge") { set(2, INT64_MAX); }
  SECTION("names negative") { set(2, -1); }
  SECTION("no end of names") { set(4, 1); }
  SECTION("unknown flags") { set(5, 6); }
  SECTION("flags that are text") { forgery.words[5] = Forgery::Text("x"); }
  SECTION("fields of its own, huge") {
    set(5, 0);
    forgery.words[8] = Forgery::Number(INT64_MAX);
  }
  SECTION("count of words") { set(9, 5); }
  SECTION("words missing") { forgery.words.pop_back(); }
  SECTION("words left") { forgery.words.push_back(Forgery::Number(0)); }
  SECTION("nothing") { forgery.words.clear(); }
  SECTION("short id") { forgery.key.pop_back(); }
  CHECK(!forgery.Accepted());
}

TEST_CASE("figures and counts that lie are refused") {
  Forgery forgery;
  SECTION("length") { forgery.length = 2; }
  SECTION("length huge") { forgery.length = forgery.added = UINT64_MAX; }
  SECTION("fewer added than there are") { forgery.added = 0; }
  SECTION("more added than can be counted") { forgery.added = uint64_t{1} << 63; }
  SECTION("nodes") { forgery.nodes = 2; }
  SECTION("groups") { forgery.groups = UINT64_MAX; }
  SECTION("entries read") { forgery.read = UINT64_MAX - 1; }
  SECTION("pending") { forgery.pending_count = UINT64_MAX; }
  CHECK(!forgery.Accepted());
}

TEST_CASE("groups that contradict themselves are refused") {
  Forgery forgery;
  SECTION("the same group twice") {
    forgery.groups = 2;
    forgery.names = {"g", "g"};
  }
  SECTION("the same consumer twice") {
    forgery.consumers = {"c", "c"};
    forgery.pending_count = 0;
    forgery.pending.clear();
    forgery.owned.clear();
  }
  SECTION("pending for nobody") { forgery.owned.clear(); }
  SECTION("pending for two") { forgery.consumers = {"c", "d"}; }
  SECTION("pending twice") {
    forgery.pending_count = 2;
    forgery.pending = {{1, 1}, {1, 1}};
  }
  SECTION("pending in disorder") {
    forgery.pending_count = 2;
    forgery.pending = {{1, 2}, {1, 1}};
    forgery.owned = {{1, 1}, {1, 2}};
  }
  SECTION("owned in disorder") {
    forgery.pending_count = 2;
    forgery.pending = {{1, 1}, {1, 2}};
    forgery.owned = {{1, 2}, {1, 1}};
  }
  SECTION("owned twice") { forgery.owned = {{1, 1}, {1, 1}}; }
  SECTION("owned but not pending") { forgery.owned = {{1, 1}, {1, 2}}; }
  SECTION("delivered before 1970") { forgery.delivered_at = -1; }
  SECTION("seen before 1970") { forgery.seen_at = INT64_MIN; }
  CHECK(!forgery.Accepted());
}

TEST_CASE("a consumer that was active before 1970 is refused") {
  Forgery forgery;
  forgery.active_at = -2;
  CHECK(Read(forgery.Value(RdbType::kStream3), RdbType::kStream3) == nullptr);
}

TEST_CASE("a node of many blocks that repeat long names is refused") {
  Forgery forgery;
  const std::string name(40'000, 'f');
  forgery.words[3] = Forgery::Text(name);
  const std::vector<PackedValue> entry(forgery.words.begin() + 5, forgery.words.end());
  const int count = 1000;
  forgery.words[0] = Forgery::Number(count);
  for (int i = 1; i < count; ++i) {
    forgery.words.insert(forgery.words.end(), entry.begin(), entry.end());
    forgery.words[forgery.words.size() - 3] = Forgery::Number(i);
  }
  forgery.length = forgery.added = count;
  forgery.last_id = {1, count};
  CHECK(!forgery.Accepted());
}

TEST_CASE("every truncation and change of a byte is survived") {
  Stream stream;
  Random random(RandomSeed());
  for (uint64_t i = 1; i < 12; ++i) AppendPairs(stream, {i, i}, {{"f", std::to_string(i)}});
  AppendPairs(stream, {12, 0}, {{"g", "x"}, {"h", "y"}});
  stream.Delete({3, 3});
  AddRandomGroup(stream, "group", random);
  const std::string value = ValueOf(stream);
  for (size_t size = 0; size < value.size(); ++size) {
    CHECK(Read(value.substr(0, size)) == nullptr);
  }
  const auto survives = [](const std::string& bytes, RdbType type) {
    RdbReader reader(bytes, 1 << 20);
    Stream read;
    uint64_t text_bytes = 0;
    if (!ReadStream(reader, type, &read, &text_bytes)) return;
    CheckSame(read, *Read(ValueOf(read)));
  };
  for (int i = 0; i < 3000; ++i) {
    std::string changed = value;
    changed[random.Below(changed.size())] = static_cast<char>(random.Next());
    survives(changed, i % 3 == 0 ? RdbType::kStream3 : RdbType::kStream2);
  }
}

// What stock says of a stream in all detail.
std::vector<std::string> Flat(const StockReply& reply) {
  std::vector<std::string> texts = {reply.kind + reply.text};
  for (const StockReply& element : reply.elements) {
    for (std::string& text : Flat(element)) texts.push_back(std::move(text));
  }
  return texts;
}

void FillStock(StockServer& stock, Random& random) {
  std::vector<std::string> ids;
  for (uint64_t i = 1 + random.Below(400); i > 0; --i) {
    const Pairs pairs = RandomPairs(random);
    const std::string& value = pairs[0].second;
    const StockReply added = random.OneIn(3)
                                 ? stock.Call({"XADD", "s", "*", "f", value, "g", "1"})
                                 : stock.Call({"XADD", "s", "*", pairs[0].first, value});
    REQUIRE(added.kind == '$');
    ids.push_back(added.text);
  }
  stock.Call({"XGROUP", "CREATE", "s", "g", "0"});
  stock.Call({"XGROUP", "CREATE", "s", "h", ids[ids.size() / 2]});
  stock.Call({"XREADGROUP", "GROUP", "g", "one", "COUNT", "50", "STREAMS", "s", ">"});
  stock.Call({"XREADGROUP", "GROUP", "g", "two", "COUNT", "50", "STREAMS", "s", ">"});
  stock.Call({"XREADGROUP", "GROUP", "h", "1", "COUNT", "9", "STREAMS", "s", ">"});
  for (const std::string& id : ids) {
    if (random.OneIn(5)) stock.Call({"XDEL", "s", id});
    if (random.OneIn(5)) stock.Call({"XACK", "s", "g", id});
  }
  if (random.OneIn(3)) stock.Call({"XTRIM", "s", "MAXLEN", "70"});
}

TEST_CASE("a stock server's streams are read, and it reads ours") {
  const auto stock = StockServer::StartOrWarn();
  if (stock == nullptr) return;
  stock->Call({"CONFIG", "SET", "sanitize-dump-payload", "yes"});
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  for (int round = 0; round < 12; ++round) {
    stock->Call({"DEL", "s", "t"});
    FillStock(*stock, random);
    const std::string dumped = stock->Call({"DUMP", "s"}).text;
    const auto stream = Read(dumped.substr(1, dumped.size() - 1 - kFooterBytes));
    REQUIRE(stream != nullptr);
    const StockReply restored =
        stock->Call({"RESTORE", "t", "0", Payload(RdbType::kStream2, ValueOf(*stream))});
    REQUIRE(restored.text == "OK");
    CHECK(Flat(stock->Call({"XINFO", "STREAM", "s", "FULL", "COUNT", "0"})) ==
          Flat(stock->Call({"XINFO", "STREAM", "t", "FULL", "COUNT", "0"})));
    CHECK(Flat(stock->Call({"DEBUG", "DIGEST-VALUE", "s"})) ==
          Flat(stock->Call({"DEBUG", "DIGEST-VALUE", "t"})));
    const auto again = Read(ValueOf(*stream));
    REQUIRE(again != nullptr);
    CheckSame(*stream, *again);
  }
}

}  // namespace
}  // namespace alai
