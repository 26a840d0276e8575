#include "server/origin_link.h"

namespace alai {

std::unique_ptr<origin::SourceFactory> MakeOriginSources(const OriginAddress&) { return nullptr; }

}  // namespace alai
