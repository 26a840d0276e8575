#include "server/client.h"

#include "server/suspended.h"

namespace alai {

Client::Client(Worker& worker, uint64_t id) : worker_(worker), id_(id) {}

Client::~Client() = default;

}  // namespace alai
