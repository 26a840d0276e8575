// A stream as the value of a record.
//
// Threads     As for containers (container.h).
#pragma once

#include <cstddef>
#include <string_view>

#include "engine/containers/container.h"
#include "engine/containers/stream.h"

namespace alai {

class StreamContainer final : public Container {
 public:
  Stream& stream() { return stream_; }
  const Stream& stream() const { return stream_; }

  size_t allocated_bytes() const override {
    return sizeof(*this) - sizeof(stream_) + stream_.allocated_bytes();
  }
  uint64_t parts() const override { return stream_.length(); }
  bool FreeSome(size_t nodes) override { return stream_.FreeSome(nodes); }
  std::string_view encoding_name() const override { return "stream"; }
  // Blocks end where they did, with what was deleted but still lies in them.
  Container* Copy() const override;

 private:
  Stream stream_;
};

}  // namespace alai
