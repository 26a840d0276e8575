// alai-server: reads the configuration, then serves until it is told to stop.
#include "server/process/serve.h"

int main(int argc, char** argv) { return alai::Serve(argc, argv); }
