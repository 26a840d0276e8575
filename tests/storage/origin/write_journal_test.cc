// The journal of writes: order, bounds, and what is left after every sort of damage.
#include "storage/origin/write_journal.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <thread>

#include "engine/base/random.h"
#include "tests/catch.h"
#include "tests/protocol/seeded.h"
#include "tests/server/temporary_folder.h"

namespace alai::origin {
namespace {

constexpr const char* kName = "journal";
constexpr const char* kOther = "other";

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void WriteFile(const std::string& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

WriteRequest Request(uint64_t n) {
  WriteRequest request{{std::to_string(n), "user"}, std::nullopt};
  if (n % 3 != 0) request.value = "value " + std::to_string(n);
  return request;
}

struct Opened {
  absl::Status status;
  std::unique_ptr<WriteJournal> journal;
  WriteJournal::Found found;
};

Opened Open(const std::string& path, WriteJournal::Options options = {}) {
  Opened opened;
  opened.status = WriteJournal::Open(path, std::move(options), &opened.journal, &opened.found);
  return opened;
}

std::unique_ptr<WriteJournal> Make(const std::string& path, WriteJournal::Options options = {}) {
  Opened opened = Open(path, std::move(options));
  INFO(opened.status.ToString());
  REQUIRE(opened.status.ok());
  return std::move(opened.journal);
}

absl::Status AppendOne(WriteJournal& journal, std::string_view rule, const WriteRequest& request) {
  const WriteJournal::Write write{rule, request};
  uint64_t sequence = 0;
  const uint64_t before = journal.pending_bytes();
  absl::Status status = journal.Append({&write, 1}, &sequence);
  const uint64_t bytes = status.ok() ? WriteJournal::BytesOf(write) : 0;
  CHECK(journal.pending_bytes() == before + bytes);
  return status;
}

void Append(WriteJournal& journal, uint64_t first, uint64_t last) {
  for (uint64_t n = first; n <= last; ++n) REQUIRE(AppendOne(journal, "rule", Request(n)).ok());
}

// Reads all that is pending, which must be the records first to last.
void CheckPending(WriteJournal& journal, uint64_t first, uint64_t last) {
  std::vector<JournalRecord> records;
  REQUIRE(journal.Read(SIZE_MAX, UINT64_MAX, &records).ok());
  CHECK(journal.pending_records() == records.size());
  REQUIRE(records.size() == last + 1 - first);
  for (size_t i = 0; i < records.size(); ++i) {
    const WriteRequest expected = Request(first + i);
    REQUIRE(records[i].rule == "rule");
    REQUIRE(records[i].request.arguments == expected.arguments);
    REQUIRE(records[i].request.value == expected.value);
    if (i > 0) REQUIRE(records[i].sequence == records[i - 1].sequence + 1);
  }
}

TEST_CASE("Writes are read in their order until they are applied") {
  const TemporaryFolder folder;
  auto journal = Make(folder.Path(kName));
  CheckPending(*journal, 1, 0);
  Append(*journal, 1, 10);
  CheckPending(*journal, 1, 10);
  CHECK(journal->unsynced_records() == 10);
  REQUIRE(journal->Sync().ok());
  CHECK(journal->unsynced_records() == 0);
  REQUIRE(journal->MarkApplied(4).ok());
  CheckPending(*journal, 5, 10);
  REQUIRE(journal->MarkApplied(4).ok());
  REQUIRE(journal->MarkApplied(2).ok());
  CheckPending(*journal, 5, 10);
  Append(*journal, 11, 12);
  std::vector<JournalRecord> records;
  REQUIRE(journal->Read(2, UINT64_MAX, &records).ok());
  CHECK(records.size() == 2);
  CHECK(records[0].sequence == 5);
  REQUIRE(journal->Read(100, 1, &records).ok());
  CHECK(records.size() == 1);
  REQUIRE(journal->MarkApplied(UINT64_MAX).ok());
  CheckPending(*journal, 1, 0);
  CHECK(journal->pending_bytes() == 0);
}

TEST_CASE("What is not applied is there again when the journal is opened anew") {
  const TemporaryFolder folder;
  {
    auto journal = Make(folder.Path(kName));
    Append(*journal, 1, 10);
    REQUIRE(journal->MarkApplied(3).ok());
  }
  struct stat status;
  REQUIRE(stat(folder.Path(kName).c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  {
    Opened opened = Open(folder.Path(kName));
    REQUIRE(opened.status.ok());
    CHECK(opened.found.records == 7);
    CHECK(opened.found.torn_bytes == 0);
    CheckPending(*opened.journal, 4, 10);
    Append(*opened.journal, 11, 11);
    CheckPending(*opened.journal, 4, 11);
    REQUIRE(opened.journal->MarkApplied(11).ok());
  }
  auto journal = Make(folder.Path(kName));
  CheckPending(*journal, 1, 0);
  Append(*journal, 12, 13);
  CheckPending(*journal, 12, 13);
}

TEST_CASE("Several writes go into the file together, or none of them") {
  const TemporaryFolder folder;
  WriteJournal::Options options;
  size_t room = SIZE_MAX;
  int calls = 0;
  options.write = [&](int fd, const void* bytes, size_t size, off_t at) -> ssize_t {
    ++calls;
    if (size <= room) return pwrite(fd, bytes, size, at);
    errno = ENOSPC;
    return -1;
  };
  auto journal = Make(folder.Path(kName), options);
  Append(*journal, 1, 1);
  const WriteRequest requests[] = {Request(2), Request(3), Request(4)};
  const std::vector<WriteJournal::Write> writes = {
      {"rule", requests[0]}, {"rule", requests[1]}, {"rule", requests[2]}};
  uint64_t sequence = 0;
  room = 100;
  CHECK_FALSE(journal->Append(writes, &sequence).ok());
  CheckPending(*journal, 1, 1);
  room = SIZE_MAX;
  calls = 0;
  REQUIRE(journal->Append(writes, &sequence).ok());
  CHECK(calls == 1);
  CHECK(sequence == 2);
  CheckPending(*journal, 1, 4);
}

TEST_CASE("A file of which most is applied is written anew") {
  const TemporaryFolder folder;
  WriteJournal::Options options;
  options.dead_bytes_min = 1000;
  auto journal = Make(folder.Path(kName), options);
  uint64_t file_bytes_max = 0;
  for (uint64_t n = 1; n <= 500; ++n) {
    Append(*journal, n, n);
    if (n > 5) REQUIRE(journal->MarkApplied(n - 5).ok());
    file_bytes_max = std::max(file_bytes_max, journal->file_bytes());
    if (n == 250) journal.reset(), journal = Make(folder.Path(kName), options);
  }
  CHECK(file_bytes_max < 4000);
  CheckPending(*journal, 496, 500);
  journal.reset();
  journal = Make(folder.Path(kName), options);
  CheckPending(*journal, 496, 500);
  REQUIRE(journal->MarkApplied(500).ok());
  Append(*journal, 501, 501);
  journal.reset();
  CheckPending(*Make(folder.Path(kName), options), 501, 501);
  CHECK(access((folder.Path(kName) + ".new").c_str(), F_OK) != 0);
}

TEST_CASE("A journal that ends anywhere gives the records before") {
  const TemporaryFolder folder;
  std::vector<uint64_t> ends;
  {
    auto journal = Make(folder.Path(kName));
    for (uint64_t n = 1; n <= 5; ++n) {
      ends.push_back(journal->file_bytes());
      Append(*journal, n, n);
    }
  }
  const std::string whole = ReadFile(folder.Path(kName));
  for (size_t size = 1; size < whole.size(); ++size) {
    INFO(size);
    WriteFile(folder.Path(kOther), std::string_view(whole).substr(0, size));
    Opened opened = Open(folder.Path(kOther));
    if (size < kJournalHeaderBytes) {
      REQUIRE(opened.status.code() == absl::StatusCode::kFailedPrecondition);
      REQUIRE(ReadFile(folder.Path(kOther)).size() == size);
      continue;
    }
    REQUIRE(opened.status.ok());
    const auto behind = std::upper_bound(ends.begin(), ends.end(), size);
    const auto records = static_cast<uint64_t>(behind - ends.begin()) - 1;
    REQUIRE(opened.found.records == records);
    REQUIRE(opened.found.torn_bytes == size - ends[records]);
    CheckPending(*opened.journal, 1, records);
    // It goes on as if nothing had been there.
    Append(*opened.journal, records + 1, records + 2);
    opened.journal.reset();
    CheckPending(*Make(folder.Path(kOther)), 1, records + 2);
  }
}

TEST_CASE("Bytes that never got to the disk are a tail too") {
  const TemporaryFolder folder;
  {
    auto journal = Make(folder.Path(kName));
    Append(*journal, 1, 3);
  }
  const std::string whole = ReadFile(folder.Path(kName));
  WriteFile(folder.Path(kName), whole + std::string(5000, '\0'));
  {
    Opened opened = Open(folder.Path(kName));
    REQUIRE(opened.status.ok());
    CHECK(opened.found.torn_bytes == 5000);
    CheckPending(*opened.journal, 1, 3);
  }
  // The last record's own bytes may be what is missing.
  WriteFile(folder.Path(kName), whole.substr(0, whole.size() - 4) + std::string(4, '\0'));
  Opened opened = Open(folder.Path(kName));
  REQUIRE(opened.status.ok());
  CHECK(opened.found.torn_bytes > 4);
  CheckPending(*opened.journal, 1, 2);
}

TEST_CASE("Damage before sound records is an error, whichever byte it is, and the file stays") {
  const TemporaryFolder folder;
  uint64_t last_record = 0;
  {
    auto journal = Make(folder.Path(kName));
    Append(*journal, 1, 4);
    last_record = journal->file_bytes();
    Append(*journal, 5, 5);
  }
  const std::string whole = ReadFile(folder.Path(kName));
  for (size_t at = 0; at < last_record; ++at) {
    INFO(at);
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x40);
    WriteFile(folder.Path(kOther), bytes);
    const Opened opened = Open(folder.Path(kOther));
    REQUIRE(opened.status.code() == (at < kJournalHeaderBytes
                                         ? absl::StatusCode::kFailedPrecondition
                                         : absl::StatusCode::kDataLoss));
    REQUIRE(ReadFile(folder.Path(kOther)) == bytes);
  }
  // A whole record that is gone is missed.
  const size_t third = whole.find("value 2");
  REQUIRE(third != std::string::npos);
  const size_t second_record = whole.find("value 1") + 7;
  std::string bytes = whole;
  bytes.erase(second_record, third + 7 - second_record);
  WriteFile(folder.Path(kOther), bytes);
  const Opened opened = Open(folder.Path(kOther));
  CHECK(opened.status.code() == absl::StatusCode::kDataLoss);
  CHECK(opened.status.ToString().find("a record is missing") != std::string::npos);
}

TEST_CASE("A value that looks like records of another journal does not confuse") {
  const TemporaryFolder folder;
  {
    auto other = Make(folder.Path(kOther));
    Append(*other, 1, 5);
  }
  const std::string image = ReadFile(folder.Path(kOther));
  {
    auto journal = Make(folder.Path(kName));
    Append(*journal, 1, 1);
    REQUIRE(AppendOne(*journal, "rule", {{"1"}, image + image}).ok());
  }
  const std::string whole = ReadFile(folder.Path(kName));
  WriteFile(folder.Path(kName), whole.substr(0, whole.size() - 1));
  Opened opened = Open(folder.Path(kName));
  REQUIRE(opened.status.ok());
  CheckPending(*opened.journal, 1, 1);
}

TEST_CASE("A write that fails leaves nothing behind") {
  const TemporaryFolder folder;
  WriteJournal::Options options;
  size_t room = SIZE_MAX;
  options.write = [&room](int fd, const void* bytes, size_t size, off_t at) -> ssize_t {
    if (room == 0) {
      errno = ENOSPC;
      return -1;
    }
    const size_t part = std::min({room, size, size_t{7}});  // always short
    room -= part == size || room != SIZE_MAX ? part : 0;
    return pwrite(fd, bytes, room == SIZE_MAX ? size : part, at);
  };
  auto journal = Make(folder.Path(kName), options);
  Append(*journal, 1, 2);
  const uint64_t before = journal->file_bytes();
  for (size_t bytes = 0; bytes < 40; ++bytes) {
    INFO(bytes);
    room = bytes;
    const absl::Status status = AppendOne(*journal, "rule", Request(3));
    REQUIRE(status.code() == absl::StatusCode::kInternal);
    REQUIRE(ReadFile(folder.Path(kName)).size() == before);
  }
  CHECK(AppendOne(*journal, "rule", Request(3)).ToString().find("No space left") !=
        std::string::npos);
  room = 5000;  // in pieces of seven bytes
  Append(*journal, 3, 4);
  journal.reset();
  CheckPending(*Make(folder.Path(kName)), 1, 4);
}

TEST_CASE("A sync that fails is not forgotten") {
  const TemporaryFolder folder;
  WriteJournal::Options options;
  bool broken = false;
  options.sync = [&broken](int fd) {
    if (!broken) return fsync(fd);
    errno = EIO;
    return -1;
  };
  auto journal = Make(folder.Path(kName), options);
  Append(*journal, 1, 2);
  broken = true;
  CHECK(journal->Sync().code() == absl::StatusCode::kInternal);
  CHECK(journal->unsynced_records() == 2);
  broken = false;
  CHECK_FALSE(journal->Sync().ok());
  CHECK_FALSE(AppendOne(*journal, "rule", Request(3)).ok());
  CheckPending(*journal, 1, 2);
}

TEST_CASE("A successor that cannot be made leaves the journal as it is") {
  const TemporaryFolder folder;
  WriteJournal::Options options;
  options.dead_bytes_min = 0;
  bool broken = false;
  options.sync = [&broken](int fd) {
    if (!broken) return fsync(fd);
    errno = EIO;
    return -1;
  };
  auto journal = Make(folder.Path(kName), options);
  Append(*journal, 1, 10);
  broken = true;
  CHECK_FALSE(journal->MarkApplied(9).ok());
  CHECK(access((folder.Path(kName) + ".new").c_str(), F_OK) != 0);
  CheckPending(*journal, 10, 10);
  broken = false;
  Append(*journal, 11, 11);
  CheckPending(*journal, 10, 11);
  journal.reset();
  CheckPending(*Make(folder.Path(kName)), 10, 11);
}

TEST_CASE("One process at a time has a journal, and only a journal") {
  const TemporaryFolder folder;
  auto journal = Make(folder.Path(kName));
  CHECK(Open(folder.Path(kName)).status.code() == absl::StatusCode::kFailedPrecondition);
  // Also once the file is another.
  Append(*journal, 1, 1);
  journal.reset();
  WriteJournal::Options options;
  options.dead_bytes_min = 0;
  journal = Make(folder.Path(kName), options);
  REQUIRE(journal->MarkApplied(1).ok());
  CHECK(Open(folder.Path(kName)).status.code() == absl::StatusCode::kFailedPrecondition);
  WriteFile(folder.Path(kOther), "some other file that is longer than a header");
  CHECK(Open(folder.Path(kOther)).status.code() == absl::StatusCode::kFailedPrecondition);
  WriteFile(folder.Path(kOther), "");
  CHECK(Open(folder.Path(kOther)).status.ok());
  CHECK(Open(folder.Path(kName) + "/none").status.code() == absl::StatusCode::kInternal);
}

TEST_CASE("Records that no record can hold are refused") {
  const TemporaryFolder folder;
  auto journal = Make(folder.Path(kName));
  CHECK_FALSE(AppendOne(*journal, std::string(256, 'r'), Request(1)).ok());
  CHECK_FALSE(AppendOne(*journal, "rule", {KeyArguments(256), std::nullopt}).ok());
  REQUIRE(AppendOne(*journal, "rule", {{std::string("\0\xff", 2)}, std::string()}).ok());
  std::vector<JournalRecord> records;
  REQUIRE(journal->Read(1, 1, &records).ok());
  CHECK(records[0].request.arguments[0] == std::string("\0\xff", 2));
  CHECK(records[0].request.value == "");
}

TEST_CASE("Writers, a reader and syncs go on side by side") {
  const TemporaryFolder folder;
  WriteJournal::Options options;
  options.dead_bytes_min = 2000;
  options.sync = [](int) { return 0; };
  auto journal = Make(folder.Path(kName), options);
  constexpr uint64_t kWrites = 2000;
  constexpr int kWriters = 2;
  std::vector<std::thread> threads;
  for (int writer = 0; writer < kWriters; ++writer) {
    threads.emplace_back([&, writer] {
      for (uint64_t n = 0; n < kWrites; ++n) {
        const WriteRequest request{{std::to_string(writer), std::to_string(n)}, "v"};
        const WriteJournal::Write write{"rule", request};
        uint64_t sequence = 0;
        if (!journal->Append({&write, 1}, &sequence).ok()) std::abort();
        if (n % 16 == 0 && !journal->Sync().ok()) std::abort();
      }
    });
  }
  uint64_t next[kWriters] = {};
  uint64_t applied = 0;
  while (applied < kWrites * kWriters) {
    std::vector<JournalRecord> records;
    REQUIRE(journal->Read(50, 100'000, &records).ok());
    for (const JournalRecord& record : records) {
      REQUIRE(record.sequence == ++applied);
      const auto writer = static_cast<size_t>(std::stoi(record.request.arguments[0]));
      REQUIRE(record.request.arguments[1] == std::to_string(next[writer]++));
    }
    if (!records.empty()) REQUIRE(journal->MarkApplied(records.back().sequence).ok());
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(journal->pending_records() == 0);
  CHECK(journal->file_bytes() < 10'000);
}

TEST_CASE("Random work and crashes: nothing is lost but the tail that was cut") {
  WITH_TEST_SEED(seed);
  Random random(seed);
  const TemporaryFolder folder;
  WriteJournal::Options options;
  options.dead_bytes_min = 300;
  uint64_t first = 1;
  uint64_t last = 0;
  auto journal = Make(folder.Path(kName), options);
  for (int round = 0; round < 400; ++round) {
    switch (random.Below(4)) {
      case 0:
      case 1:
        for (uint64_t n = random.Below(5); n > 0; --n, ++last) Append(*journal, last + 1, last + 1);
        break;
      case 2: {
        std::vector<JournalRecord> records;
        REQUIRE(journal->Read(1 + random.Below(6), UINT64_MAX, &records).ok());
        if (records.empty()) break;
        REQUIRE(journal->MarkApplied(records.back().sequence).ok());
        first += records.size();
        break;
      }
      case 3: {
        journal.reset();
        const std::string bytes = ReadFile(folder.Path(kName));
        std::string garbage;
        for (uint64_t n = random.Below(30); n > 0; --n)
          garbage += static_cast<char>(random.Below(256));
        WriteFile(folder.Path(kName), bytes + garbage);
        Opened opened = Open(folder.Path(kName), options);
        REQUIRE(opened.status.ok());
        REQUIRE(opened.found.torn_bytes == garbage.size());
        journal = std::move(opened.journal);
        break;
      }
    }
    CheckPending(*journal, first, last);
  }
}

}  // namespace
}  // namespace alai::origin
