// What taking a request apart and formatting its reply cost, without a socket.
//
// Trap: one request parsed again and again from the same bytes lives in L1 and trains the branch
// predictor perfectly, so each run goes over a block of requests as long as a read, with keys and values
// whose lengths vary from one to the next by a fixed seed.
#include <benchmark/benchmark.h>
#include <sys/uio.h>

#include <string>
#include <vector>

#include "engine/base/random.h"
#include "protocol/reply_writer.h"
#include "protocol/request_parser.h"

namespace alai {
namespace {

constexpr size_t kBlockBytes = 16 * 1024;

std::string Argument(size_t size) {
  return "$" + std::to_string(size) + "\r\n" + std::string(size, 'x') + "\r\n";
}

// As many whole requests as fit into a read; `spread` varies the last argument's length.
std::string Block(size_t arguments, size_t size, size_t spread) {
  Random random(1);
  std::string block;
  for (;;) {
    std::string request = "*" + std::to_string(arguments) + "\r\n" + Argument(3);
    for (size_t i = 1; i < arguments; ++i) {
      request += Argument(i + 1 < arguments ? 16 : size + random.Below(spread + 1));
    }
    if (block.size() + request.size() > kBlockBytes) return block;
    block += request;
  }
}

size_t ParseAll(RequestParser& parser, std::string& block, std::vector<std::string_view>& argv) {
  UnquotedWords unquoted;
  const RequestLimits limits;
  char* begin = block.data();
  char* const end = begin + block.size();
  size_t requests = 0;
  argv.clear();
  for (; begin < end; ++requests)
    begin += parser.Parse(begin, end, argv, unquoted, limits).consumed;
  return requests;
}

// Question: what does a request cost that has arrived as a whole, by its number of arguments?
void BM_ParseWhole(benchmark::State& state) {
  std::string block = Block(static_cast<size_t>(state.range(0)), 8, 56);
  RequestParser parser;
  std::vector<std::string_view> argv;
  int64_t requests = 0;
  for (auto _ : state) {
    requests += static_cast<int64_t>(ParseAll(parser, block, argv));
    benchmark::DoNotOptimize(argv.data());
  }
  state.SetItemsProcessed(requests);
}
BENCHMARK(BM_ParseWhole)->Arg(1)->Arg(2)->Arg(3)->Arg(5)->Arg(100);

// Question: what does it cost more when requests arrive in two halves?
void BM_ParseHalves(benchmark::State& state) {
  std::string request = "*3\r\n" + Argument(3) + Argument(16) + Argument(64);
  RequestParser parser;
  std::vector<std::string_view> argv;
  UnquotedWords unquoted;
  const RequestLimits limits;
  char* const begin = request.data();
  size_t cut = 1;
  for (auto _ : state) {
    argv.clear();
    cut = cut % (request.size() - 1) + 1;
    parser.Parse(begin, begin + cut, argv, unquoted, limits);
    parser.Parse(begin, begin + request.size(), argv, unquoted, limits);
    benchmark::DoNotOptimize(argv.data());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_ParseHalves);

// Question: is the worst case, input byte by byte, linear? The time per byte must not grow with size.
void BM_ParseByteWise(benchmark::State& state) {
  const auto size = static_cast<size_t>(state.range(0));
  std::string request = "*" + std::to_string(size / 8) + "\r\n";
  while (request.size() < size) request += Argument(2);
  request.resize(size);
  std::vector<std::string_view> argv;
  UnquotedWords unquoted;
  const RequestLimits limits;
  for (auto _ : state) {
    RequestParser parser;
    for (size_t i = 1; i <= size; ++i) {
      benchmark::DoNotOptimize(
          parser.Parse(request.data(), request.data() + i, argv, unquoted, limits));
    }
    argv.clear();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(size));
}
BENCHMARK(BM_ParseByteWise)->Range(256, 65536);

void BM_ParseInline(benchmark::State& state) {
  const std::string line = "SET key:000000000001 \"a value\\n\"\r\n";
  RequestParser parser;
  std::vector<std::string_view> argv;
  UnquotedWords unquoted;
  const RequestLimits limits;
  for (auto _ : state) {
    argv.clear();
    unquoted.clear();
    benchmark::DoNotOptimize(
        parser.Parse(line.data(), line.data() + line.size(), argv, unquoted, limits));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_ParseInline);

// Sends what a batch of replies came to, as a worker does after each turn.
void Send(OutputBuffer& output) {
  iovec vectors[64];
  benchmark::DoNotOptimize(output.FillIovecs(vectors, 64));
  output.Consume(output.size());
}

// Question: what does a reply cost, by its kind, within batches of 16?
template <class Write>
void Replies(benchmark::State& state, Write write) {
  OutputBuffer output;
  ReplyWriter writer(output, 3);
  for (auto _ : state) {
    for (size_t i = 0; i < 16; ++i) write(writer, i);
    Send(output);
  }
  state.SetItemsProcessed(state.iterations() * 16);
}

void BM_Ok(benchmark::State& state) {
  Replies(state, [](ReplyWriter& w, size_t) { w.Ok(); });
}
BENCHMARK(BM_Ok);

void BM_Integer(benchmark::State& state) {
  const auto base = static_cast<int64_t>(state.range(0));
  Replies(state, [=](ReplyWriter& w, size_t i) { w.Integer(base + static_cast<int64_t>(i)); });
}
BENCHMARK(BM_Integer)->Arg(0)->Arg(1'000'000);

void BM_Bulk(benchmark::State& state) {
  const std::string value(static_cast<size_t>(state.range(0)), 'v');
  const std::string_view view = value;
  Replies(state, [=](ReplyWriter& w, size_t i) { w.Bulk(view.substr(i % (view.size() / 2))); });
}
BENCHMARK(BM_Bulk)->Arg(8)->Arg(32)->Arg(64)->Arg(256)->Arg(4096)->Arg(100'000);

// Question: from what size on does it pay to refer to a value instead of copying it?
void BM_BulkReference(benchmark::State& state) {
  const std::string value(static_cast<size_t>(state.range(0)), 'v');
  Replies(state, [&](ReplyWriter& w, size_t) { w.BulkReference({value.data(), value.size()}); });
}
BENCHMARK(BM_BulkReference)->Arg(1024)->Arg(2048)->Arg(4096)->Arg(100'000);

void BM_ArrayOfUnknownLength(benchmark::State& state) {
  const auto count = static_cast<size_t>(state.range(0));
  Replies(state, [=](ReplyWriter& w, size_t) {
    const auto open = w.BeginArray();
    for (size_t i = 0; i < count; ++i) w.Bulk("score:42:0123456789");
    w.EndArray(open, count);
  });
}
BENCHMARK(BM_ArrayOfUnknownLength)->Arg(1)->Arg(10)->Arg(1000);

// Question: what does a reply cost that is thrown away and written again?
void BM_Rollback(benchmark::State& state) {
  Replies(state, [](ReplyWriter& w, size_t) {
    const auto mark = w.GetMark();
    w.Bulk("first attempt");
    w.Rollback(mark);
    w.Bulk("second attempt");
  });
}
BENCHMARK(BM_Rollback);

}  // namespace
}  // namespace alai

BENCHMARK_MAIN();
