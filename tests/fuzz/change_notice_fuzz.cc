// A notification with any payload: what is read is written as it was. The same bytes are also the file of a
// journal of writes, behind a sound header: what it holds is read or refused.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/assert.h"
#include "storage/origin/change_notice.h"
#include "storage/origin/journal_format.h"

namespace alai::origin {
namespace {

void CheckNotice(std::string_view payload) {
  ChangeNotice notice;
  if (ParseChangeNotice(payload, &notice)) ASSERT(ChangeNoticeText(notice) == payload);
}

void CheckPayload(std::string_view payload) {
  constexpr uint64_t kSalt = 1;
  JournalKind kind;
  JournalRecord record;
  if (!ReadJournalPayload(payload, &kind, &record)) return;
  std::string written;
  if (kind == JournalKind::kApplied) {
    written = AppliedRecord(record.sequence, kSalt);
  } else {
    AppendWriteRecord(record.sequence, record.rule, record.request, kSalt, &written);
    ASSERT(written.size() == JournalRecordBytes(record.rule, record.request));
  }
  ASSERT(written.substr(kJournalRecordHeaderBytes) == payload);
}

// Records that the salt makes sound, with the bytes between them.
void CheckWindow(std::string_view bytes) {
  constexpr uint64_t kSalt = 1;
  const int fd = memfd_create("journal", MFD_CLOEXEC);
  ASSERT(fd >= 0);
  const std::string record = AppliedRecord(7, kSalt);
  const std::string file = std::string(bytes) + record;
  ASSERT(write(fd, file.data(), file.size()) == static_cast<ssize_t>(file.size()));
  JournalWindow window(fd, file.size());
  const uint64_t at = window.FindRecord(0, kSalt);
  ASSERT(at <= bytes.size());
  ASSERT(!window.Payload(at, kSalt).empty());
  close(fd);
}

}  // namespace
}  // namespace alai::origin

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace alai::origin;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  CheckNotice(input);
  CheckPayload(input);
  CheckWindow(input);
  return 0;
}
