// What ps shows for the process.
//
// Linux shows the memory that the arguments were passed in. Arguments and environment lie there side
// by side, so once the environment has been copied elsewhere the title may fill both.
//
//   argv[0] \0 argv[1] \0 … \0 environ[0] \0 … \0
//   |<------------- room for the title ------------->|
//
// Threads     Take() on the main thread before there are others; Set() one at a time.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "server/config/config.h"

namespace alai {

class ProcessTitle {
 public:
  // The memory of main()'s arguments. What they and the environment say is copied first: argv and
  // environ remain usable.
  void Take(int argc, char** argv);

  // Cut to the room there is. Without Take() it does nothing.
  void Set(std::string_view title);

  // `program`: how the server was called.
  const std::string& program() const { return program_; }

 private:
  char* begin_ = nullptr;
  size_t room_ = 0;
  std::string program_;
};

// A proc-title-template with its variables filled in, without blanks at its end.
std::string ExpandProcTitle(const Config& config, std::string_view program);

}  // namespace alai
