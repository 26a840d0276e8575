// The output buffer: pieces, gaps, marks, silence and memory, each alone and then all at random
// against a string.
#include "protocol/output_buffer.h"

#include <sys/uio.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "tests/protocol/seeded.h"

namespace alai {
namespace {

constexpr size_t kChunk = 16 * 1024;

// What may be sent now, described with vectors of which FillIovecs gets `max` at a time.
std::string Sendable(const OutputBuffer& buffer, size_t max = 4096) {
  std::vector<iovec> vectors(max);
  const size_t used = buffer.FillIovecs(vectors.data(), max);
  std::string bytes;
  for (size_t i = 0; i < used; ++i) {
    CHECK(vectors[i].iov_len > 0);
    bytes.append(static_cast<const char*>(vectors[i].iov_base), vectors[i].iov_len);
  }
  return bytes;
}

std::string Pattern(size_t size, uint64_t salt) {
  std::string text(size, '\0');
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + (i + i / 7 + salt) % 26);
  return text;
}

// External bytes that count how often they are released.
struct External {
  explicit External(std::string text) : bytes(std::move(text)) {}
  SharedBytes Share() {
    ++shared;
    return {bytes.data(), bytes.size(), this,
            [](void* owner) { ++static_cast<External*>(owner)->released; }};
  }
  std::string bytes;
  int shared = 0;
  int released = 0;
};

TEST_CASE("A buffer that was drained owns nothing") {
  OutputBuffer buffer;
  CHECK(buffer.empty());
  CHECK(buffer.memory_used() == 0);
  buffer.Append("hello");
  CHECK(buffer.size() == 5);
  CHECK(buffer.memory_used() == kChunk);
  buffer.Consume(2);
  CHECK(Sendable(buffer) == "llo");
  buffer.Consume(3);
  CHECK(buffer.empty());
  CHECK(buffer.memory_used() == 0);
  CHECK(Sendable(buffer).empty());
}

TEST_CASE("Text of any length keeps its order across chunks") {
  OutputBuffer buffer;
  std::string expected;
  for (const size_t size : {1, 16000, 1000, 0, 16384, 100, 50000, 3, 300000, 7, 200000, 16360}) {
    const std::string text = Pattern(size, size);
    buffer.Append(text);
    expected += text;
  }
  CHECK(buffer.size() == expected.size());
  CHECK(Sendable(buffer) == expected);
  // Whatever the chunks, at most a quarter more than the bytes and one large chunk are held.
  CHECK(buffer.memory_used() < expected.size() * 5 / 4 + 128 * 1024 + 8192);
}

TEST_CASE("A huge reply goes out in few pieces") {
  OutputBuffer buffer;
  for (int i = 0; i < 4000; ++i) buffer.Append(Pattern(1000, 1));
  std::vector<iovec> vectors(1000);
  CHECK(buffer.FillIovecs(vectors.data(), vectors.size()) < 60);
}

TEST_CASE("Reserved room is contiguous and as large as asked for") {
  OutputBuffer buffer;
  std::string expected;
  for (const size_t size : {10, 16000, 500, 16384, 40000, 1, 400000, 30}) {
    const std::string text = Pattern(size, 1);
    std::memcpy(buffer.Reserve(size + 50), text.data(), size);
    buffer.Advance(size);
    expected += text;
  }
  CHECK(Sendable(buffer) == expected);
}

TEST_CASE("Vectors can be taken and consumed in odd steps") {
  External external(Pattern(5000, 3));
  for (const size_t step : {1, 3, 1021, 16361, 70000}) {
    OutputBuffer buffer;
    std::string expected;
    for (int i = 0; i < 4; ++i) {
      const std::string text = Pattern(9000, static_cast<uint64_t>(i));
      buffer.Append(text);
      buffer.AppendShared(external.Share());
      expected += text + external.bytes;
    }
    std::string sent;
    while (!buffer.empty()) {
      const std::string next = Sendable(buffer, 1 + sent.size() % 3);
      REQUIRE_FALSE(next.empty());
      const size_t size = std::min(step, next.size());
      sent.append(next, 0, size);
      buffer.Consume(size);
      REQUIRE(buffer.size() == expected.size() - sent.size());
    }
    CHECK(sent == expected);
    CHECK(external.released == external.shared);
  }
}

TEST_CASE("External bytes are released once, when they have been sent") {
  External a(Pattern(100, 1));
  External b(Pattern(200, 2));
  {
    OutputBuffer buffer;
    buffer.AppendShared(a.Share());
    buffer.Append("between");
    buffer.AppendShared(b.Share());
    CHECK(buffer.size() == 307);
    CHECK(buffer.shared_bytes() == 300);
    buffer.Consume(99);
    CHECK(a.released == 0);
    CHECK(buffer.shared_bytes() == 201);
    buffer.Consume(1);
    CHECK(a.released == 1);
    CHECK(Sendable(buffer) == "between" + b.bytes);
    CHECK(b.released == 0);
  }
  CHECK(b.released == 1);

  OutputBuffer buffer;
  External empty("");
  buffer.AppendShared(empty.Share());
  CHECK(empty.released == 1);
  CHECK(buffer.memory_used() == 0);
  buffer.AppendShared({"forever", 7, nullptr, nullptr});
  CHECK(Sendable(buffer) == "forever");
}

TEST_CASE("A rollback undoes text, chunks and external bytes") {
  External external(Pattern(3000, 1));
  for (const size_t before : {0, 1, 16359, 16360, 40000}) {
    OutputBuffer buffer;
    const std::string kept = Pattern(before, 9);
    buffer.Append(kept);
    const auto mark = buffer.GetMark();
    const size_t memory = buffer.memory_used();
    for (int round = 0; round < 3; ++round) {
      buffer.Append("x");
      buffer.Append(Pattern(17000 * static_cast<size_t>(round), 2));
      buffer.AppendShared(external.Share());
      buffer.Append(Pattern(40000, 3));
      const auto inner = buffer.GetMark();
      buffer.AppendShared(external.Share());
      buffer.Rollback(inner);
      buffer.Rollback(mark);
      CHECK(Sendable(buffer) == kept);
      CHECK(buffer.size() == before);
      CHECK(external.released == external.shared);
      CHECK(buffer.memory_used() <= memory + kChunk + 130 * 1024);
    }
    buffer.Append("on");
    CHECK(Sendable(buffer) == kept + "on");
    buffer.Consume(before + 2);
    CHECK(buffer.memory_used() < 1024);
  }
}

TEST_CASE("A rollback may follow an external piece, or lie before one at the very start") {
  External external("external");
  OutputBuffer buffer;
  const auto start = buffer.GetMark();
  buffer.AppendShared(external.Share());
  const auto mark = buffer.GetMark();
  buffer.Append("text");
  buffer.Rollback(mark);
  CHECK(Sendable(buffer) == "external");
  buffer.Append("more");
  CHECK(Sendable(buffer) == "externalmore");
  buffer.Rollback(start);
  CHECK(buffer.empty());
  CHECK(buffer.memory_used() < 1024);
  CHECK(external.released == 1);
}

TEST_CASE("A gap is closed around content of any length") {
  for (const size_t before : {0, 5, 16350}) {
    for (const size_t content : {0, 1, 4096, 4097, 12000, 16400, 100000}) {
      for (const char* header : {"*1\r\n", "*12345678901234567890\r\n", "x"}) {
        INFO(before << " " << content << " " << header);
        OutputBuffer buffer;
        const std::string first = Pattern(before, 1);
        const std::string second = Pattern(content, 2);
        buffer.Append(first);
        const auto gap = buffer.OpenGap();
        buffer.Append(second);
        CHECK(Sendable(buffer) == first);
        buffer.CloseGap(gap, header);
        const std::string expected = std::string(first).append(header).append(second);
        CHECK(buffer.size() == expected.size());
        CHECK(Sendable(buffer) == expected);
        buffer.Append("!");
        CHECK(Sendable(buffer) == expected + "!");
      }
    }
  }
}

TEST_CASE("Gaps nest, and what lies before the outermost can be sent meanwhile") {
  OutputBuffer buffer;
  buffer.Append("earlier reply ");
  const auto outer = buffer.OpenGap();
  buffer.Append("a");
  const auto inner = buffer.OpenGap();
  const std::string large = Pattern(20000, 4);
  buffer.Append(large);
  CHECK(Sendable(buffer) == "earlier reply ");
  buffer.Consume(14);
  CHECK(Sendable(buffer).empty());
  CHECK_FALSE(buffer.empty());
  buffer.CloseGap(inner, "[inner]");
  const auto second = buffer.OpenGap();
  buffer.Append("b");
  CHECK(Sendable(buffer).empty());
  buffer.CloseGap(second, "[second]");
  buffer.CloseGap(outer, "[outer]");
  CHECK(Sendable(buffer) == "[outer]a[inner]" + large + "[second]b");
}

TEST_CASE("A rollback forgets gaps that were opened since") {
  OutputBuffer buffer;
  buffer.Append("kept");
  const auto mark = buffer.GetMark();
  buffer.OpenGap();
  buffer.Append("dropped");
  buffer.OpenGap();
  buffer.Rollback(mark);
  CHECK(Sendable(buffer) == "kept");
  const auto gap = buffer.OpenGap();
  const auto within = buffer.GetMark();
  buffer.Append(Pattern(50000, 1));
  buffer.OpenGap();
  buffer.Rollback(within);
  buffer.Append("element");
  CHECK(Sendable(buffer) == "kept");
  buffer.CloseGap(gap, "*1 ");
  CHECK(Sendable(buffer) == "kept*1 element");
}

TEST_CASE("What is written while discarding leaves no trace and no memory") {
  External external(Pattern(100000, 1));
  for (const size_t before : {0, 7, 16355, 33000}) {
    OutputBuffer buffer;
    const std::string kept = Pattern(before, 5);
    buffer.Append(kept);
    buffer.SetDiscard(true);
    for (int i = 0; i < 2000; ++i) {
      const auto mark = buffer.GetMark();
      const auto gap = buffer.OpenGap();
      buffer.Append(Pattern(static_cast<size_t>(i * 37 % 5000), 1));
      buffer.Append(external.bytes);
      std::memset(buffer.Reserve(3000), 'r', 3000);
      buffer.Advance(3000);
      buffer.AppendShared(external.Share());
      if (i % 3 == 0) buffer.Rollback(mark);
      if (i % 3 == 1) buffer.CloseGap(gap, "*1\r\n");
      CHECK(buffer.size() == before);
      CHECK(buffer.memory_used() <= before + 4 * kChunk);
    }
    CHECK(external.released == external.shared);
    CHECK(Sendable(buffer) == kept);
    const size_t half = before / 2;
    buffer.Consume(half);
    buffer.Append("nothing");
    CHECK(Sendable(buffer) == kept.substr(half));
    std::memset(buffer.Reserve(500000), 'r', 500000);
    buffer.Advance(500000);
    buffer.SetDiscard(false);
    CHECK(Sendable(buffer) == kept.substr(half));
    buffer.Append("heard");
    CHECK(Sendable(buffer) == kept.substr(half) + "heard");
  }
}

TEST_CASE("Everything sent while discarding leaves an empty buffer") {
  OutputBuffer buffer;
  buffer.Append("reply");
  buffer.SetDiscard(true);
  buffer.Append("silent");
  buffer.Consume(5);
  CHECK(buffer.empty());
  CHECK(buffer.memory_used() < 1024);
  buffer.Append("silent again");
  CHECK(buffer.empty());
  buffer.SetDiscard(false);
  CHECK(buffer.empty());
  CHECK(Sendable(buffer).empty());
}

TEST_CASE("A buffer takes over another's bytes") {
  External external(Pattern(5000, 1));
  OutputBuffer messages;
  messages.Append(">2\r\n");
  messages.AppendShared(external.Share());
  messages.Append("end");
  messages.Consume(2);
  OutputBuffer buffer;
  buffer.Append("reply");
  buffer.Splice(std::move(messages));
  CHECK(messages.empty());
  CHECK(messages.memory_used() == 0);
  buffer.Append("more");
  CHECK(buffer.size() == 5 + 2 + 5000 + 3 + 4);
  CHECK(Sendable(buffer) == "reply\r\n" + external.bytes + "endmore");
  buffer.Consume(buffer.size());
  CHECK(buffer.memory_used() < 1024);
  CHECK(external.released == 1);

  messages.AppendShared(external.Share());
  buffer.SetDiscard(true);
  buffer.Splice(std::move(messages));
  CHECK(external.released == 2);
  CHECK(messages.empty());
  CHECK(buffer.empty());
}

TEST_CASE("A buffer that was sent in part gives the rest away and can be used again") {
  OutputBuffer other;
  const std::string text = Pattern(100'000, 0);
  for (const char c : text) other.Append({&c, 1});
  other.Consume(40'000);
  OutputBuffer buffer;
  buffer.Splice(std::move(other));
  CHECK(Sendable(buffer) == text.substr(40'000));
  CHECK(other.empty());
  for (const char c : text) other.Append({&c, 1});
  CHECK(Sendable(other) == text);
  buffer.Splice(std::move(other));
  CHECK(Sendable(buffer) == text.substr(40'000) + text);
}

TEST_CASE("A buffer moves to another thread") {
  External external(Pattern(70000, 1));
  const std::string text = Pattern(100000, 2);
  OutputBuffer buffer;
  buffer.Append(text);
  buffer.AppendShared(external.Share());
  std::thread([moved = std::move(buffer), &text, &external]() mutable {
    CHECK(Sendable(moved) == text + external.bytes);
    OutputBuffer assigned;
    assigned.Append("gone");
    assigned = std::move(moved);
    moved.Append("reused");
    CHECK(Sendable(moved) == "reused");
    assigned.Consume(assigned.size());
    CHECK(assigned.memory_used() < 1024);
  }).join();
  CHECK(external.released == 1);
  buffer.Append("reused");
  CHECK(Sendable(buffer) == "reused");
}

TEST_CASE("A buffer that outlives its thread's chunks gives its own back") {
  // Destroyed after the thread's list, because it was constructed before it.
  struct Holder {
    OutputBuffer buffer;
  };
  std::thread([] {
    static thread_local Holder holder;
    OutputBuffer other;
    other.Append("the list exists now");
    other.Clear();
    holder.buffer.Append("still here when the thread ends");
    CHECK(holder.buffer.size() == 31);
  }).join();
}

TEST_CASE("Many pieces are sent without the table growing for ever") {
  External external(Pattern(100, 1));
  OutputBuffer buffer;
  for (int i = 0; i < 20000; ++i) {
    buffer.Append("header");
    buffer.AppendShared(external.Share());
    if (i < 100) continue;
    const std::string message = "header" + external.bytes;
    CHECK(Sendable(buffer, 3).substr(0, message.size()) == message);
    buffer.Consume(message.size());
  }
  CHECK(buffer.memory_used() < 512 * 1024);
  CHECK(external.released == external.shared - 100);
}

// The model: all bytes not sent, with gaps as the place where they are.
struct Model {
  struct Mark {
    OutputBuffer::Mark mark;
    size_t size;
    size_t gaps;
  };
  struct Gap {
    OutputBuffer::Gap gap;
    size_t at;
  };
  std::string bytes;
  std::vector<Gap> gaps;
  std::vector<Mark> marks;

  size_t sendable() const { return gaps.empty() ? bytes.size() : gaps.front().at; }
};

class Walk {
 public:
  explicit Walk(uint64_t seed) : random_(seed), external_(Pattern(30000, seed)) {}

  void Step() {
    switch (random_.Below(10)) {
      case 0:
      case 1:
        return Append();
      case 2:
        return Reserve();
      case 3:
        return Share();
      case 4:
        return OpenGap();
      case 5:
        return CloseGap();
      case 6:
        return TakeMark();
      case 7:
        return Rollback();
      case 8:
        return Send();
      default:
        return Rare();
    }
  }

  void Check() {
    REQUIRE(buffer_->size() == model_.bytes.size() + open_gap_bytes());
    REQUIRE(Sendable(*buffer_) == model_.bytes.substr(0, model_.sendable()));
    REQUIRE(external_.released <= external_.shared);
  }

  void Finish() {
    while (!model_.gaps.empty()) CloseGap();
    do {
      Send();
    } while (!model_.bytes.empty());
    REQUIRE(buffer_->empty());
    REQUIRE(external_.released == external_.shared);
    REQUIRE(buffer_->memory_used() < 1024);
    REQUIRE(buffer_->shared_bytes() == 0);
  }

 private:
  size_t open_gap_bytes() const { return model_.gaps.size() * OutputBuffer::kGapBytes; }
  size_t RandomSize() {
    const size_t limits[] = {2, 30, 5000, 17000, 60000};
    return random_.Below(limits[random_.Below(5)]);
  }

  void Append() {
    const std::string text = Pattern(RandomSize(), random_.Next());
    buffer_->Append(text);
    model_.bytes += text;
  }
  void Reserve() {
    const std::string text = Pattern(RandomSize(), random_.Next());
    char* at = buffer_->Reserve(text.size() + random_.Below(100));
    std::copy(text.begin(), text.end(), at);  // no bytes into a buffer that has no block yet
    buffer_->Advance(text.size());
    model_.bytes += text;
  }
  void Share() {
    SharedBytes bytes = external_.Share();
    bytes.data += random_.Below(100);
    bytes.size = random_.Below(external_.bytes.size() - 100);
    buffer_->AppendShared(bytes);
    model_.bytes.append(bytes.data, bytes.size);
  }
  void OpenGap() {
    if (model_.gaps.size() >= 5) return;
    const auto gap = buffer_->OpenGap();
    model_.gaps.push_back({gap, model_.bytes.size()});
  }
  void CloseGap() {
    if (model_.gaps.empty()) return;
    const Model::Gap gap = model_.gaps.back();
    model_.gaps.pop_back();
    while (!model_.marks.empty() && model_.marks.back().gaps > model_.gaps.size()) {
      model_.marks.pop_back();
    }
    const std::string text(1 + random_.Below(OutputBuffer::kGapBytes), 'H');
    buffer_->CloseGap(gap.gap, text);
    model_.bytes.insert(gap.at, text);
  }
  void TakeMark() {
    model_.marks.push_back({buffer_->GetMark(), model_.bytes.size(), model_.gaps.size()});
  }
  void Rollback() {
    if (model_.marks.empty()) return;
    const Model::Mark mark = model_.marks.back();
    if (random_.OneIn(2)) model_.marks.pop_back();
    buffer_->Rollback(mark.mark);
    model_.bytes.resize(mark.size);
    model_.gaps.resize(mark.gaps);
  }
  void Send() {
    const std::string next = Sendable(*buffer_, 1 + random_.Below(20));
    const size_t size = random_.OneIn(3) ? next.size() : random_.Below(next.size() + 1);
    buffer_->Consume(size);
    model_.bytes.erase(0, size);
    for (Model::Gap& gap : model_.gaps) gap.at -= size;
    model_.marks.clear();
  }
  void Rare() {
    if (random_.OneIn(2)) {
      Silence();
    } else if (random_.OneIn(2)) {
      Move();
    } else {
      SpliceAnother();
    }
  }
  void Move() {
    auto other = std::make_unique<OutputBuffer>(std::move(*buffer_));
    REQUIRE(buffer_->empty());
    buffer_ = std::move(other);
  }
  void Silence() {
    buffer_->SetDiscard(true);
    Model saved = model_;
    for (uint64_t i = random_.Below(6); i > 0; --i) {
      random_.OneIn(2) ? Append() : Share();
      if (random_.OneIn(3)) Reserve();
      if (random_.OneIn(3)) buffer_->Rollback(buffer_->GetMark());
      if (random_.OneIn(3)) buffer_->CloseGap(buffer_->OpenGap(), "x");
      model_ = saved;
      Check();
      if (random_.OneIn(3)) {
        Send();
        Check();
        saved = model_;
      }
      if (random_.OneIn(3)) Move();
      Check();
    }
    buffer_->SetDiscard(false);
  }
  void SpliceAnother() {
    const std::string text = Pattern(RandomSize(), 3);
    const std::string all = text + external_.bytes + text;
    other_.Append(text);
    other_.AppendShared(external_.Share());
    other_.Append(text);
    const size_t sent = random_.Below(all.size() + 1);
    other_.Consume(sent);
    buffer_->Splice(std::move(other_));
    model_.bytes += all.substr(sent);
  }

  Random random_;
  External external_;
  OutputBuffer other_;
  std::unique_ptr<OutputBuffer> buffer_ = std::make_unique<OutputBuffer>();
  Model model_;
};

TEST_CASE("Random writing, undoing and sending agree with a string") {
  WITH_TEST_SEED(seed);
  for (uint64_t run = 0; run < 200; ++run) {
    INFO("run " << run);
    Walk walk(seed + run);
    for (int step = 0; step < 300; ++step) {
      walk.Step();
      walk.Check();
    }
    walk.Finish();
  }
}

}  // namespace
}  // namespace alai
