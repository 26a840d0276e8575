// The life of alai-server's process, from its arguments to its exit status.
#pragma once

namespace alai {

// What main() does.
int Serve(int argc, char** argv);

}  // namespace alai
