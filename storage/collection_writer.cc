#include "storage/collection_writer.h"

#include <string>

#include "engine/containers/listpack.h"
#include "storage/rdb_types.h"

namespace alai {

void WritePackedNode(RdbWriter& writer, PackedRun run, size_t count) {
  std::string listpack(run.bytes() + kListpackBytesMin, '\0');
  WriteListpack(run, count, listpack.data());
  writer.Length(kRdbPackedNode);
  WritePacked(writer, listpack);
}

void WritePlainNode(RdbWriter& writer, std::string_view element) {
  writer.Length(kRdbPlainNode);
  writer.String(RdbString::Of(element));
}

}  // namespace alai
