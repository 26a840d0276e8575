#include "server/commands/string_reply.h"

namespace alai {

void WriteBlobPart(ReplyWriter& reply, Blob& blob, std::string_view part) {
  if (part.size() < kReferenceBytesMin) {
    reply.Bulk(part);
    return;
  }
  blob.Acquire();
  reply.BulkReference(
      {.data = part.data(), .size = part.size(), .owner = &blob, .release = [](void* owner) {
         static_cast<Blob*>(owner)->Release();
       }});
}

}  // namespace alai
